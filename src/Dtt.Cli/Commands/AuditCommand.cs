using System.CommandLine;
using Dtt.Abstractions.Configuration;
using Dtt.Abstractions.Errors;
using Dtt.Abstractions.Runs;
using Dtt.Data.Order;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt audit RUN</c>: proof that the lineage of the newest commit saw each position once.</summary>
internal static class AuditCommand
{
    public static Command Create()
    {
        var run = RunArguments.Run("The run.");
        var command = new Command("audit", "Check that every step and every window of a run was trained once; list what was run again and what was left over.") { run };
        command.SetAction(result =>
        {
            var store = RunArguments.Store();
            var record = RunArguments.Find(store, result.GetValue(run)!);
            return Print(store, record);
        });
        return command;
    }

    private static int Print(FileRunStore store, RunRecord record)
    {
        var audit = LineageAudit.Of(record, attempt => [.. store.ReadAttempt(record.Run, attempt).Where(r => r.Values.ContainsKey(MetricNames.TrainLoss)).Select(r => r.Step)]);
        var problems = audit.Problems.ToList();
        var windows = Windows(store, record, audit.CommittedStep, problems);
        var o = Console.Out;
        o.WriteLine($"{record.Run}: {audit.CommittedStep:N0} committed steps in {record.Attempts.Count} attempt{(record.Attempts.Count == 1 ? "" : "s")}");
        o.WriteLine(windows);
        foreach (var replay in audit.Replays) o.WriteLine("replayed: " + replay);
        foreach (var problem in problems) o.WriteLine("WRONG: " + problem);
        o.WriteLine(problems.Count == 0 ? "sound: every step once, every window once an epoch" : $"{problems.Count} problem{(problems.Count == 1 ? "" : "s")}");
        return problems.Count == 0 ? ExitCodes.Success : ExitCodes.BadData;
    }

    /// <summary>Counts the windows of every committed position.</summary>
    private static string Windows(FileRunStore store, RunRecord record, long steps, List<string> problems)
    {
        var config = RunConfig.Parse(File.ReadAllText(Path.Combine(store.FolderOf(record.Run), "config.yaml")));
        using var data = TrainingData.Open(record.TokensFolder, record.TokenizerFolder, config, record.GlobalBatchWindows);
        var (n, positions) = (data.Windows.Count, steps * data.Plan.GlobalBatchWindows);
        var order = new WindowOrder(n, config.Seed, (long)data.Windows.Stride * data.Train.TokenBytes);
        for (var start = 0L; start < positions; start += n)
        {
            var seen = new System.Collections.BitArray(checked((int)n));
            for (var p = start; p < Math.Min(start + n, positions); p++)
            {
                var window = (int)order.Window(p);
                if (seen[window]) problems.Add($"window {window} stands twice in epoch {start / n + 1}");
                seen[window] = true;
            }
        }

        var (epochs, rest) = Math.DivRem(positions, n);
        return $"{positions:N0} windows of {config.Model.ContextLength} tokens: {epochs:N0} whole epoch{(epochs == 1 ? "" : "s")} of {n:N0}, and {rest:N0} of the next"
            + (record.State == RunState.Completed ? $"; tail never seen: {Math.Max(0, config.Epochs * n - positions):N0}" : "");
    }
}
