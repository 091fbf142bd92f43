using System.CommandLine;
using System.Text.Json.Nodes;
using Dtt.Abstractions;
using Dtt.Cli.Runs;
using Dtt.Core.Runs;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt checkpoints RUN</c>: what can be resumed, sampled and exported.</summary>
internal static class CheckpointsCommand
{
    public static Command Create()
    {
        var run = RunArguments.Run("The run.");
        var json = new Option<bool>("--json") { Description = "A JSON list." };
        var command = new Command("checkpoints", "List a run's committed checkpoints, oldest first.") { run, json };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var (grain, view) = await RunLookup.FindAsync(client, result.GetValue(run)!);
            if (result.GetValue(json)) Console.Out.WriteLine(Json(view).ToJsonString(JsonOutput.Options));
            else Print(view, (await grain.SeriesAsync(MetricNames.SaveStallSeconds, int.MaxValue)).ToDictionary(s => s.Step, s => s.Value));
        });
        return command;
    }

    /// <summary>A run's checkpoints as JSON.</summary>
    public static JsonArray Json(RunView view) => new([.. view.Record.Checkpoints.Select(c => new JsonObject
    {
        ["step"] = c.Step,
        ["attempt"] = c.Attempt,
        ["best"] = c == view.Record.Best,
        ["pinned"] = c.Pinned,
        ["val_loss"] = c.ValLoss,
        ["bytes"] = c.SizeBytes,
        ["weights_sha256"] = c.WeightsSha256,
        ["path"] = new RunLayout(view.Row.Folder).Checkpoint(c.FolderName),
    })]);

    /// <summary>One line a checkpoint.</summary>
    public static string Line(RunView view, CommittedCheckpoint c) =>
        $"step {c.Step,8:N0}  attempt {c.Attempt}  val {c.ValLoss?.ToString("0.0000") ?? "—",-7}  {c.SizeBytes / 1e6,8:N1} MB  {c.WeightsSha256[..12]}{(c == view.Record.Best ? "  best" : "")}{(c.Pinned ? "  pinned" : "")}";

    private static void Print(RunView view, Dictionary<long, double> stalls)
    {
        if (view.Record.Checkpoints.Count == 0) Console.Error.WriteLine($"run '{view.Record.Run}' has no checkpoint yet.");
        foreach (var c in view.Record.Checkpoints) Console.Out.WriteLine(Line(view, c) + (stalls.TryGetValue(c.Step, out var stall) ? $"  stall {stall:0.00} s" : ""));
    }
}
