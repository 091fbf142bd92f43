using System.Globalization;
using Dtt.Abstractions;
using Dtt.Tui.Data;
using Dtt.Tui.Drawing;

namespace Dtt.Tui.Pages;

/// <summary>All dataset jobs.</summary>
internal sealed class DatasetsPage : ListPage
{
    public override string Title => "Datasets";

    protected override string Empty => "no datasets yet; start with `dtt download`.";

    protected override IReadOnlyList<ListColumn> Columns { get; } =
        [new("dataset", 24), new("kind", 7), new("stage", 11), new("pieces", 15, Right: true), new("folder", 80)];

    protected override async Task<IReadOnlyList<ListRow>> FetchAsync(IPlatform platform) =>
        [.. (await platform.DatasetsAsync()).Select(job => new ListRow(job.Dataset, CellsOf(job), () => new DatasetPage(job.Folder)))];

    private static (string Text, Ink Ink)[] CellsOf(DatasetProgress job) =>
    [
        (job.Dataset, Ink.Strong),
        (job.RawOnly ? "raw" : "tokens", Ink.Plain),
        (job.Stage.ToString().ToLowerInvariant(), job.Stage switch { DatasetStage.Done => Ink.Good, DatasetStage.Failed => Ink.Bad, _ => Ink.Warn }),
        (job.RawOnly ? "" : string.Create(CultureInfo.InvariantCulture, $"{job.PiecesDone:N0}/{job.Pieces:N0}"), Ink.Plain),
        (job.Folder, Ink.Dim),
    ];
}
