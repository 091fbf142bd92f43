using System.Globalization;
using Dtt.Abstractions;
using Dtt.Tui.Data;
using Dtt.Tui.Drawing;

namespace Dtt.Tui.Pages;

/// <summary>All dataset jobs.</summary>
internal sealed class DatasetsPage : ListPage<DatasetProgress>
{
    public override string Title => "Datasets";

    protected override string Empty => "no datasets yet; begin one with `dtt download`.";

    protected override IReadOnlyList<(string Head, int Width, bool Right)> Columns { get; } = [("dataset", 16, false), ("what", 7, false), ("stage", 11, false), ("pieces", 15, true), ("folder", 80, false)];

    protected override string NameOf(DatasetProgress row) => row.Dataset;

    protected override Task<DatasetProgress[]> FetchAsync(IPlatform platform) => platform.DatasetsAsync();

    protected override (string Text, Ink Ink)[] CellsOf(DatasetProgress r) =>
    [
        (r.Dataset, Ink.Strong), (r.RawOnly ? "raw" : "tokens", Ink.Plain), (r.Stage.ToString().ToLowerInvariant(), r.Stage switch { DatasetStage.Done => Ink.Good, DatasetStage.Failed => Ink.Bad, _ => Ink.Warn }),
        (r.RawOnly ? "" : string.Create(CultureInfo.InvariantCulture, $"{r.PiecesDone:N0}/{r.Pieces:N0}"), Ink.Plain), (r.Folder, Ink.Dim),
    ];

    protected override bool TakeOn(KeyPress key, DatasetProgress row, Shell shell)
    {
        if (key.Name != "enter") return false;
        shell.Open(new DatasetPage(row.Folder));
        return true;
    }

    protected override Page Sibling() => new RunsPage();
}
