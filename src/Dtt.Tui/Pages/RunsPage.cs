using System.Globalization;
using Dtt.Abstractions;
using Dtt.Core.Runs;
using Dtt.Tui.Data;
using Dtt.Tui.Drawing;

namespace Dtt.Tui.Pages;

/// <summary>All runs.</summary>
internal sealed class RunsPage : ListPage<RunRow>
{
    public override string Title => "Runs";

    protected override string Empty => "no runs yet; start one with `dtt train` or `dtt quickstart`.";

    protected override IReadOnlyList<(string Head, int Width, bool Right)> Columns { get; } =
        [("run", 22, false), ("state", 11, false), ("step", 15, true), ("train", 7, true), ("val", 7, true), ("tok/s", 8, true), ("folder", 60, false)];

    /// <summary>The ink of a state.</summary>
    public static Ink InkOf(RunState state) => state switch
    {
        RunState.Running or RunState.Completed => Ink.Good,
        RunState.Failed => Ink.Bad,
        RunState.Recovering or RunState.Interrupted => Ink.Warn,
        _ => Ink.Dim,
    };

    protected override string NameOf(RunRow row) => row.Run;

    protected override Task<RunRow[]> FetchAsync(IPlatform platform) => platform.RunsAsync();

    protected override (string Text, Ink Ink)[] CellsOf(RunRow r) =>
    [
        (r.Run, Ink.Strong), ($"● {r.State.ToString().ToLowerInvariant()}", InkOf(r.State)), (r.TotalSteps == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"{r.Step:N0}/{r.TotalSteps:N0}"), Ink.Plain),
        ($"{r.TrainLoss:0.0000}", Ink.Accent), ($"{r.ValLoss:0.0000}", Ink.Second), (string.Create(CultureInfo.InvariantCulture, $"{r.TokensPerSecond:N0}"), Ink.Plain), (Path.GetDirectoryName(r.Folder) ?? "", Ink.Dim),
    ];

    protected override bool TakeOn(KeyPress key, RunRow row, Shell shell)
    {
        if (key.Name != "enter") return false;
        shell.Open(new RunPage(row.Folder));
        return true;
    }

    protected override Page Sibling() => new DatasetsPage();
}
