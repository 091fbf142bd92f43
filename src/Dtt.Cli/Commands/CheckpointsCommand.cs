using System.CommandLine;
using Dtt.Abstractions;
using Dtt.Cli.Output;
using Dtt.Cli.Runs;
using Dtt.Client;
using Dtt.Core.Runs;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt checkpoints RUN</c>: what can be resumed, sampled and exported.</summary>
internal static class CheckpointsCommand
{
    public static Command Create()
    {
        var run = RunArguments.Run("The run.");
        return ListCommand.Create(
            new Command("checkpoints", "List a run's committed checkpoints, oldest first.") { run },
            (client, result) => FetchAsync(client, result.GetValue(run)!),
            row => CheckpointOutput.Of(row.View, row.Checkpoint),
            JsonOutput.Records.CheckpointOutputArray,
            rows =>
            {
                foreach (var (view, c, stall) in rows) Console.Out.WriteLine(Line(view, c) + (stall is null ? "" : $"  stall {stall:0.00} s"));
            },
            empty: "no checkpoints yet.");
    }

    /// <summary>One line a checkpoint.</summary>
    public static string Line(RunView view, CommittedCheckpoint c)
    {
        var loss = c.ValLoss?.ToString("0.0000") ?? "—";
        var marks = (c == view.Record.Best ? "  best" : "") + (c.Pinned ? "  pinned" : "");
        return $"step {c.Step,8:N0}  attempt {c.Attempt}  val {loss,-7}  {c.SizeBytes / 1e6,8:N1} MB  {c.WeightsSha256[..12]}{marks}";
    }

    /// <summary>The checkpoints, each with the seconds for which saving it stalled training, where that was measured.</summary>
    private static async Task<(RunView View, CommittedCheckpoint Checkpoint, double? Stall)[]> FetchAsync(PlatformClient client, string name)
    {
        var (grain, view) = await RunLookup.FindAsync(client, name);
        var stalls = (await grain.SeriesAsync(MetricNames.SaveStallSeconds, int.MaxValue)).ToDictionary(s => s.Step, s => (double?)s.Value);
        return [.. view.Record.Checkpoints.Select(c => (view, c, stalls.GetValueOrDefault(c.Step)))];
    }
}
