using System.Globalization;

namespace Dtt.Core.Runs;

/// <summary>
/// The decisions of a run to leave windows out. The list of what is left out changes only together with the attempt, and every checkpoint that saw any of it is
/// forgotten in the same write: so an attempt follows one order from its beginning to its end, and what is committed has seen nothing that is left out.
/// </summary>
internal static class LeavingOut
{
    /// <summary>A client asks to leave out the windows of steps.</summary>
    public static RunDecision Skip(DurableRun state, RunInput.Skip skip, IReadOnlySet<long> leased, DateTimeOffset now)
    {
        var record = state.Record!;
        if (WhyNot(state, skip) is { } reason) return new RunDecision(state) { Refusal = reason };
        var (first, last) = StepsNow(record, skip);
        if (last < first) return new RunDecision(state) { Accepted = true }; // left out already
        if (WhyNotBack(record, first, leased) is { } stays) return new RunDecision(state) { Refusal = stays };
        var leftOut = LeftOutWindows.Of(record, first, last);
        state = Without(state, leftOut);
        var from = state.Record!.Latest?.Step ?? 0;
        var back = record.Latest?.Step > from ? $"the run goes back to step {from}"
            : $"the next attempt goes on from step {from}{(state.Placements.Count > 0 ? ", or a later one before them" : "")}";
        if (state.Placements.Count > 0) state = state with { LeavesOutFrom = Math.Min(state.LeavesOutFrom ?? long.MaxValue, first) };
        else if (record.State == RunState.Completed) state = state with { Record = state.Record with { State = RunState.Interrupted } };
        var moved = (first, last) == (skip.FirstStep, skip.LastStep) ? "" : string.Create(CultureInfo.InvariantCulture,
            $" (they were among those of steps {skip.FirstStep}–{skip.LastStep} before others were left out)");
        state = state.Noted(now, EventKinds.LeftOut, $"the windows of {leftOut.InWords} are left out, as was asked{moved}; {back}");
        return new RunDecision(state, [.. RunDecider.DeleteForgotten(state), .. RunDecider.StopRanks(state)]) { Accepted = true };
    }

    /// <summary>Why a checkpoint is not taken: it saw windows that are left out by now; null: it did not.</summary>
    public static string? WhyNotCommitted(DurableRun state, WrittenCheckpoint checkpoint) => state.LeavesOutFrom is { } first && checkpoint.Step >= first
        ? string.Create(CultureInfo.InvariantCulture, $"it was trained on windows that are left out, those from step {first} on") : null;

    /// <summary>
    /// Leaves out the windows of a spike, unless its step has other windows by now, or the attempt's beginning, which tells the size of a step, was never
    /// heard: then the next attempt finds it again, if it is still there.
    /// </summary>
    public static DurableRun Spiked(DurableRun state, LossSpike spike, DateTimeOffset now)
    {
        if (state.LeavesOutFrom <= spike.Step || state.Record!.GlobalBatchWindows == 0) return state;
        var leftOut = LeftOutWindows.Of(state.Record!, spike.Step, spike.Step + (state.Request!.Config.Spike?.Skip ?? 0)) with { Spike = true };
        state = Without(state, leftOut);
        return state.Noted(now, EventKinds.Spike, $"step {spike.Step}: {spike.InWords}; the windows of {leftOut.InWords} are left out, and the run goes "
            + $"back to step {state.Record!.Latest?.Step ?? 0}");
    }

    /// <summary>The same run without these windows, and without the checkpoints that saw them.</summary>
    private static DurableRun Without(DurableRun state, LeftOutWindows leftOut)
    {
        var record = state.Record!;
        var bySight = record.Checkpoints.ToLookup(c => c.Step >= leftOut.FirstStep);
        return state with
        {
            Record = record with { LeftOut = [.. record.LeftOut ?? [], leftOut], Checkpoints = [.. bySight[false]] },
            ToDelete = [.. state.ToDelete, .. bySight[true].Select(c => c.FolderName)],
        };
    }

    /// <summary>The steps that have now what the log shows of some steps and is not left out yet; none, when the last is before the first.</summary>
    private static (long First, long Last) StepsNow(RunRecord record, RunInput.Skip skip)
    {
        var (g, leftOut) = (record.GlobalBatchWindows, record.LeftOut ?? []);
        var (logged, now) = (new PositionMap(leftOut.Where(l => IsInTheLog(l, skip))), new PositionMap(leftOut));
        return (now.WindowsBefore(logged.PositionOf((skip.FirstStep - 1) * g)) / g + 1, now.WindowsBefore(logged.PositionOf(skip.LastStep * g - 1) + 1) / g);
    }

    /// <summary>
    /// Whether the log that somebody reads counts without a stretch. The log of a step is that of the newest attempt that has come to it; of a step that none
    /// has come to, it is without what an attempt has gone past. So whoever asks twice means the same windows, until the step has others in the log too.
    /// </summary>
    private static bool IsInTheLog(LeftOutWindows stretch, RunInput.Skip skip)
    {
        var attempts = skip.LastSteps.Where(a => a.Value >= skip.FirstStep).Select(a => a.Key).ToList();
        return attempts.Count > 0 ? stretch.Attempt <= attempts.Max() : skip.LastSteps.Any(a => a.Key >= stretch.Attempt && a.Value >= stretch.FirstStep);
    }

    private static string? WhyNot(DurableRun state, RunInput.Skip skip)
    {
        var record = state.Record!;
        if (skip.FirstStep < 1 || skip.LastStep < skip.FirstStep) return "steps are counted from 1, and the first comes before the last";
        if (state.Deleting) return "it is being deleted";
        if (state.Request!.TokensFolder.Length == 0) return "it is an import, without data: it has no steps to leave out";
        if (record.GlobalBatchWindows == 0) return "it has not begun, so that the size of its steps is not known yet; wait for its first attempt";
        return skip.LastStep > record.TotalSteps ? $"it has {record.TotalSteps:N0} steps, and step {skip.LastStep:N0} is behind the last" : null;
    }

    /// <summary>Why the run cannot go back to before a step, or null.</summary>
    private static string? WhyNotBack(RunRecord record, long firstStep, IReadOnlySet<long> leased)
    {
        var saw = record.Checkpoints.Where(c => c.Step >= firstStep).ToList();
        if (saw.Count > 0 && saw.Count == record.Checkpoints.Count)
        {
            var steps = string.Join(", ", record.Checkpoints.Select(c => c.Step));
            return $"there is no checkpoint from before step {firstStep:N0} to go back to; it has {steps}, so that steps from "
                + $"{record.Checkpoints[0].Step + 1:N0} on can be left out";
        }

        if (saw.FirstOrDefault(c => c.Pinned) is { } pinned)
        {
            return $"its checkpoint of step {pinned.Step:N0}, which is pinned, saw these windows and would go; "
                + $"unpin it with `dtt pin {record.Run}@{pinned.Step} --off`";
        }

        return saw.FirstOrDefault(c => leased.Contains(c.Step)) is { } read
            ? $"its checkpoint of step {read.Step:N0}, which saw these windows, is being read; try again when that is done" : null;
    }
}
