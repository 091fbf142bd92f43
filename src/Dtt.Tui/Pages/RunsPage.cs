using System.Globalization;
using Dtt.Abstractions;
using Dtt.Core.Runs;
using Dtt.Tui.Data;
using Dtt.Tui.Drawing;

namespace Dtt.Tui.Pages;

/// <summary>All runs.</summary>
internal sealed class RunsPage : ListPage
{
    public override string Title => "Runs";

    protected override string Empty => "no runs yet; start one with `dtt train` or `dtt quickstart`.";

    protected override IReadOnlyList<ListColumn> Columns { get; } =
    [
        new("run", 30), new("state", 13), new("step", 15, Right: true), new("train", 7, Right: true), new("val", 7, Right: true), new("tok/s", 8, Right: true),
        new("folder", 60),
    ];

    /// <summary>The ink of a state.</summary>
    public static Ink InkOf(RunState state) => state switch
    {
        RunState.Running or RunState.Completed => Ink.Good,
        RunState.Failed => Ink.Bad,
        RunState.Recovering or RunState.Interrupted => Ink.Warn,
        _ => Ink.Dim,
    };

    protected override async Task<IReadOnlyList<ListRow>> FetchAsync(IPlatform platform) =>
        [.. (await platform.RunsAsync()).Select(run => new ListRow(run.Run, CellsOf(run), () => new RunPage(run.Folder)))];

    private static (string Text, Ink Ink)[] CellsOf(RunRow run) =>
    [
        (run.Run, Ink.Strong),
        ($"● {run.State.ToString().ToLowerInvariant()}", InkOf(run.State)),
        (run.TotalSteps == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"{run.Step:N0}/{run.TotalSteps:N0}"), Ink.Plain),
        ($"{run.TrainLoss:0.0000}", Ink.Accent),
        ($"{run.ValLoss:0.0000}", Ink.Second),
        (string.Create(CultureInfo.InvariantCulture, $"{run.TokensPerSecond:N0}"), Ink.Plain),
        (Path.GetDirectoryName(run.Folder) ?? "", Ink.Dim),
    ];
}
