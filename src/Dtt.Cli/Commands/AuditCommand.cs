using System.Collections;
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

    /// <summary>Counts the windows of every committed position, by dataset.</summary>
    private static string Windows(RunView view, long steps, List<string> problems)
    {
        var (config, record) = (view.Request.Config, view.Record);
        using var data = TrainingData.Open(view.Request.TokensFolders, view.Request.TokenizerFolder, config, record.GlobalBatchWindows);
        TokenIdentity.Require(record.TokenData, data.Identity, record.Run, view.Request.TokensFolders);
        if (record.TokenData is not null) MixturePlan.Require(record.Mixture, data.Mixture, record.Run);
        var (windows, map) = (steps * data.Plan.GlobalBatchWindows, new PositionMap(record.LeftOut));
        var positions = windows == 0 ? 0 : map.PositionOf(windows - 1) + 1;
        var (drawn, trained, seen) = (new long[data.Datasets.Count], new long[data.Datasets.Count], new BitArray?[data.Datasets.Count]);
        var next = map.PositionOf(0);
        for (var p = 0L; p < positions; p++)
        {
            var (i, own) = data.Order.At(p);
            var dataset = data.Datasets[i];
            var of = data.Mixture is null ? "" : $" of {dataset.Name}";
            if (own != drawn[i]) problems.Add($"position {p} draws the {own + 1:N0}th window{of} where {drawn[i]:N0} were drawn before");
            var (epoch, index) = Math.DivRem(drawn[i]++, dataset.Windows.Count);
            if (index == 0) seen[i] = new BitArray(checked((int)dataset.Windows.Count));
            if (p != next) continue; // left out
            next = map.PositionOf(trained.Sum() + 1);
            trained[i]++;
            var window = (int)dataset.Window(own);
            if (seen[i]![window]) problems.Add($"window {window}{of} appears twice in epoch {epoch + 1}");
            seen[i]![window] = true;
        }

        if (trained.Sum() != windows) problems.Add($"{windows:N0} windows were to be trained, and {trained.Sum():N0} positions are not left out");
        var lines = data.Datasets.Select((d, i) => Line(d, drawn[i], trained[i]));
        return data.Mixture is null ? lines.Single()
            : $"{windows:N0} windows of {config.Model.ContextLength} tokens"
                + (record.State == RunState.Completed ? $"; {Math.Max(0, data.EpochWindows * config.Epochs - positions):N0} left over" : "")
                + string.Concat(lines.Select(l => Environment.NewLine + l));

        string Line(MixedDataset dataset, long draws, long windows)
        {
            var n = dataset.Windows.Count;
            var (epochs, rest) = Math.DivRem(draws, n);
            var count = $"{windows:N0} windows{(data.Mixture is null ? $" of {config.Model.ContextLength} tokens" : $" ({Part(windows, trained.Sum())})")}: "
                + $"{epochs:N0} whole epoch{(epochs == 1 ? "" : "s")} of {n:N0}, and {rest:N0} of the next"
                + (draws == windows ? "" : $", without {draws - windows:N0} that are left out");
            return data.Mixture is null
                ? count
                    + (record.State == RunState.Completed ? $"; {Math.Max(0, config.Epochs * n - positions):N0} left over" : "")
                    + $"{Environment.NewLine}tokens in no window: {dataset.Windows.UnreachedInWords}"
                : $"{dataset.Name}: {count}; {(epochs == 0 ? n - rest : 0):N0} never drawn; tokens in no window: {dataset.Windows.UnreachedInWords}";
        }
    }

    private static string Part(long windows, long of) => $"{100.0 * windows / Math.Max(1, of):0.###} %";
}
