using System.CommandLine;
using Dtt.Abstractions;
using Dtt.Cli.Runs;
using Dtt.Core.Errors;
using Dtt.Core.Runs;
using Dtt.Data.Order;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt audit RUN</c>: proof that the lineage of the newest commit saw each position once.</summary>
internal static class AuditCommand
{
    public static Command Create()
    {
        var run = RunArguments.Run("The run.");
        var command = new Command("audit", "Check that a run trained every step and every window of its data once; list what was replayed.") { run };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var (grain, view) = await RunLookup.FindAsync(client, result.GetValue(run)!);
            var steps = new Dictionary<int, List<long>>();
            foreach (var attempt in view.Record.Attempts)
            {
                var trained = steps[attempt.Attempt] = [];
                await foreach (var page in grain.AttemptRowsAsync(attempt.Attempt))
                    trained.AddRange(page.Where(r => r.Values.ContainsKey(MetricNames.TrainLoss)).Select(r => r.Step));
            }

            return Print(view, steps);
        });
        return command;
    }

    private static int Print(RunView view, Dictionary<int, List<long>> steps)
    {
        var record = view.Record;
        if (view.Request.TokensFolder.Length == 0)
        {
            Console.Out.WriteLine($"{record.Run}: an import of step {record.Latest?.Step ?? 0:N0}; what it was trained on elsewhere is not known here, "
                + "so there is nothing to check");
            return ExitCodes.Success;
        }

        var audit = LineageAudit.Of(record, attempt => steps[attempt]);
        var problems = audit.Problems.ToList();
        var windows = "its windows were not counted";
        try
        {
            windows = Windows(view, audit.CommittedStep, problems);
        }
        catch (UserErrorException e) when (e.ExitCode == ExitCodes.BadData)
        {
            problems.Add(e.Message);
        }

        var o = Console.Out;
        o.WriteLine($"{record.Run}: {audit.CommittedStep:N0} committed steps in {record.Attempts.Count} attempt{(record.Attempts.Count == 1 ? "" : "s")}");
        o.WriteLine(windows);
        foreach (var leftOut in record.LeftOut ?? [])
        {
            var why = leftOut.Spike ? "for a spike of the loss" : "as was asked";
            o.WriteLine($"left out: the windows of {leftOut.InWords}, {why}, since attempt {leftOut.Attempt}");
        }

        foreach (var replay in audit.Replays) o.WriteLine("replayed: " + replay);
        foreach (var problem in problems) o.WriteLine("problem: " + problem);
        o.WriteLine(problems.Count == 0
            ? "ok: every step was trained once, and every window once per epoch" + (record.LeftOut is null ? "" : ", but for those that are left out")
            : $"{problems.Count} problem{(problems.Count == 1 ? "" : "s")}");
        return problems.Count == 0 ? ExitCodes.Success : ExitCodes.BadData;
    }

    /// <summary>Counts the windows of every committed position.</summary>
    private static string Windows(RunView view, long steps, List<string> problems)
    {
        var config = view.Request.Config;
        var record = view.Record;
        using var data = TrainingData.Open(view.Request.TokensFolder, view.Request.TokenizerFolder, config, record.GlobalBatchWindows);
        TokenIdentity.Require(record.TokenData, data.Index.Identity, record.Run, view.Request.TokensFolder);
        var (n, windows, map) = (data.Windows.Count, steps * data.Plan.GlobalBatchWindows, new PositionMap(record.LeftOut));
        var positions = windows == 0 ? 0 : map.PositionOf(windows - 1) + 1;
        var order = new WindowOrder(n, config.Seed, (long)data.Windows.Stride * data.Train.TokenBytes);
        var (window, position) = (0L, map.PositionOf(0));
        for (var start = 0L; start < positions; start += n)
        {
            var (seen, trained, end) = (new System.Collections.BitArray(checked((int)n)), 0L, Math.Min(start + n, positions));
            for (; window < windows && position < end; position = map.PositionOf(++window))
            {
                var found = (int)order.Window(position);
                if (seen[found]) problems.Add($"window {found} appears twice in epoch {start / n + 1}");
                seen[found] = true;
                trained++;
            }

            var leftOut = PositionMap.Before(map.Gaps, end).Sum(g => Math.Max(0, g.To - Math.Max(g.From, start)));
            if (trained + leftOut != end - start) problems.Add($"epoch {start / n + 1} has {end - start - leftOut:N0} windows to train, and {trained:N0} were");
        }

        var (epochs, rest) = Math.DivRem(positions, n);
        var gaps = positions - windows;
        return $"{windows:N0} windows of {config.Model.ContextLength} tokens: {epochs:N0} whole epoch{(epochs == 1 ? "" : "s")} of {n:N0}, "
            + $"and {rest:N0} of the next" + (gaps == 0 ? "" : $", without {gaps:N0} that are left out")
            + (record.State == RunState.Completed ? $"; {Math.Max(0, config.Epochs * n - positions):N0} left over" : "")
            + $"{Environment.NewLine}tokens in no window: {data.Windows.UnreachedInWords}";
    }
}
