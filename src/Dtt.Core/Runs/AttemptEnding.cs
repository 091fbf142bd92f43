using Dtt.Core.Errors;
using Dtt.Core.Ranks;

namespace Dtt.Core.Runs;

/// <summary>The decisions of a run about the end of its attempts: of which parts, for what cause, and what comes next.</summary>
internal static class AttemptEnding
{
    /// <summary>
    /// A part of the attempt is over. The first that ends otherwise than in order ends all: the others hear it with the next answer that they get. When every
    /// part has ended the attempt is over.
    /// </summary>
    public static RunDecision Ended(DurableRun state, NodeRef node, AttemptEnd end, DateTimeOffset now)
    {
        if (!RunDecider.IsLive(state, end.Attempt) || RunDecider.Living(state).All(p => p.Node != node)) return new RunDecision(state);
        var places = state.Placements.Select(p => p.Node == node && p.End is null ? p with { End = end, EndedAt = now } : p).ToList();
        state = state with { Placements = places };
        return places.Any(p => p.End is null) ? new RunDecision(state) : Over(state, now);
    }

    /// <summary>What becomes of the run once every part of its attempt has ended: rank 0's last word counts most, then what went wrong first.</summary>
    private static RunDecision Over(DurableRun state, DateTimeOffset now)
    {
        var parts = state.Placements.OrderBy(p => p.EndedAt).ToList();
        var failed = parts.Select(p => p.End!.Ending).OfType<RankFailed>().FirstOrDefault(f => f.ExitCode != ExitCodes.Requeue);
        var last = state.Placements.First(p => p.FirstRank == 0).End!.Ending;
        if (last is RankFinished { Spike: { } spike }) state = LeavingOut.Spiked(state, spike, now);
        if (last is RankFinished { Spike: not null } || state.LeavesOutFrom is not null) return GoBack(state, now);
        switch (last)
        {
            case RankFinished { Completed: true } finished:
                return EndRun(state, RunState.Completed, finished.Step == 0 ? "it has no steps to train" : $"all {finished.Step} steps are done", now);
            case RankFinished finished when state.StopRequested:
                return EndRun(state, RunState.Stopped, $"stopped on request after step {finished.Step}", now);
            case RankFinished finished when state.Growing:
                state = state.Noted(now, EventKinds.Drained, $"saved after step {finished.Step}, to go on with more nodes");
                return Recover(state, RunState.Interrupted, "it went on with more nodes", now);
            case RankFinished finished:
                state = state.Noted(now, EventKinds.Drained, $"saved after step {finished.Step}, because its silo is shutting down");
                return Recover(state, RunState.Interrupted, "its silo shut down", now);
        }

        if (failed is not null) return EndRun(state, RunState.Failed, failed.Message, now, failed.ExitCode);
        var deaths = parts.Select(DeathOf).OfType<CauseCard>().ToList();
        var cause = deaths.FirstOrDefault(d => d.Kind != DeathKind.Peer) ?? deaths.FirstOrDefault() ?? CauseCard.Of(DeathKind.Rank, "the rank died");
        state = state.Noted(now, EventKinds.Died, cause.Line);
        if (state.StopRequested) return EndStopped(state, now, cause);
        if (cause.Kind == DeathKind.Silo) return Recover(state, RunState.Interrupted, cause.How, now, cause);
        var decision = RecoveryRules.Decide(state.Record!, cause);
        return decision.Delay is { } delay
            ? Recover(state, RunState.Recovering, cause.Line, now, cause, delay)
            : EndRun(state, RunState.Failed, decision.Reason!, now, ExitCodes.Failure, cause);
    }

    /// <summary>How a part died. Ranks that may only not work now (their device is another's, say) are not at fault, and have died, too.</summary>
    private static CauseCard? DeathOf(Placement part) => part.End!.Ending is RankFailed { ExitCode: ExitCodes.Requeue } later
        ? CauseCard.Of(DeathKind.Outside, later.Message.TrimEnd('.')) with { Node = part.Node.Node }
        : part.End.Died;

    /// <summary>The attempt ended because the run leaves windows out that it had before.</summary>
    private static RunDecision GoBack(DurableRun state, DateTimeOffset now) => state.StopRequested
        ? EndRun(state, RunState.Stopped, $"stopped on request; it goes on from step {state.Record!.Latest?.Step ?? 0}, with windows left out", now)
        : Recover(state, RunState.Interrupted, "it leaves windows out", now);

    /// <summary>A silo is dead: whatever part it had is over.</summary>
    public static RunDecision SiloDied(DurableRun state, NodeRef node, DateTimeOffset now) => state.IsActive
        ? Ended(state, node, new AttemptEnd(state.Record!.CurrentAttempt, null, CauseCard.OfSilo(node, state.Placements.Count > 1)), now)
        : new RunDecision(state);

    /// <summary>Has the ranks save and leave, so that the next attempt takes more nodes.</summary>
    public static RunDecision Grow(DurableRun state, RunInput.Grow grow, DateTimeOffset now)
    {
        if (state.Record!.State != RunState.Running || state.Growing || state.StopRequested) return new RunDecision(state);
        state = (state with { Growing = true }).Noted(now, EventKinds.Growing, $"{string.Join(", ", grow.Nodes)}: taken with the next attempt");
        return new RunDecision(state, RunDecider.StopRanks(state));
    }

    /// <summary>Ends the current attempt and queues the next.</summary>
    private static RunDecision Recover(
        DurableRun state, RunState endState, string outcome, DateTimeOffset now, CauseCard? cause = null, TimeSpan delay = default)
    {
        var next = state.Record!.CurrentAttempt + 1;
        var record = RunRules.EndAttempt(state.Record, state.Record.CurrentAttempt, endState, outcome, now, cause) with { State = RunState.Recovering };
        state = state with { Record = record, Placements = [], Growing = false, LeavesOutFrom = null, NotBefore = delay > TimeSpan.Zero ? now + delay : null };
        var when = delay > TimeSpan.Zero ? $" in {delay.TotalSeconds:0} s" : "";
        state = state.Noted(now, EventKinds.Recovering, $"continuing with attempt {next} from step {record.Latest?.Step ?? 0}{when}");
        return new RunDecision(state, new RunEffect.Enqueue(next, state.NotBefore));
    }

    private static RunDecision EndStopped(DurableRun state, DateTimeOffset now, CauseCard cause) => EndRun(state, RunState.Stopped,
        $"it died after a stop was requested; its last checkpoint is of step {state.Record!.Latest?.Step ?? 0}", now, cause: cause);

    /// <summary>Ends the current attempt and the run with it, until it is resumed.</summary>
    private static RunDecision EndRun(DurableRun state, RunState end, string message, DateTimeOffset now, int failureCode = 0, CauseCard? cause = null)
    {
        var kind = end switch { RunState.Completed => EventKinds.Completed, RunState.Stopped => EventKinds.Stopped, _ => EventKinds.Failed };
        var outcome = end == RunState.Failed && cause is not null ? cause.Line : message;
        var record = RunRules.EndAttempt(state.Record!, state.Record!.CurrentAttempt, end, outcome, now, cause);
        state = state with { Record = record, Placements = [], StopRequested = false, Growing = false, LeavesOutFrom = null, FailureCode = failureCode };
        return new RunDecision(state.Noted(now, kind, message), new RunEffect.WakeQueue(), new RunEffect.SetReminder(false));
    }
}
