using Dtt.Core.Ranks;

namespace Dtt.Core.Runs;

/// <summary>
/// Whether a run whose ranks died recovers by itself, and when. Deaths are counted by cause: what came from outside (a signal, a silo, a node) says nothing
/// about the run, however often; ranks that die by themselves again and again at one step or in one phase are in a loop.
/// </summary>
public static class RecoveryRules
{
    /// <summary>Attempts that may die by themselves at one step, or in one phase, without a commit between them.</summary>
    public const int MaxAlike = 3;

    /// <summary>The longest wait before an attempt.</summary>
    public static readonly TimeSpan MaxDelay = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan _firstDelay = TimeSpan.FromSeconds(1);

    /// <summary>Decides after an attempt's ranks died.</summary>
    /// <param name="record">The run, the dead attempt being current.</param>
    /// <param name="cause">Why.</param>
    public static RecoveryDecision Decide(RunRecord record, CauseCard cause)
    {
        var step = record.Latest?.Step ?? 0;
        if (Committed(record, record.Attempts[^1])) return GoOn(0);
        var earlier = record.Attempts.SkipLast(1).Reverse().TakeWhile(a => a.EndState == RunState.Recovering && !Committed(record, a)).ToList();
        var faults = earlier.Select(a => a.Cause).Where(c => c is null || IsOwnDoing(c)).Select(c => c ?? cause).ToList();
        if (IsOwnDoing(cause))
        {
            var alike = 1 + faults.Count(f => f.Phase == cause.Phase || f.Step == cause.Step);
            if (alike >= MaxAlike)
                return new RecoveryDecision(null, $"giving up: {alike} attempts died {Where(cause)}, and none since has committed a step after step {step}");
        }

        return GoOn(earlier.Count);
    }

    private static RecoveryDecision GoOn(int fruitless)
    {
        // At once after the first death; then after 1, 2, 4 … s: what kills attempts for want of something may have it by then.
        var delay = fruitless == 0 ? TimeSpan.Zero : _firstDelay * Math.Pow(2, Math.Min(fruitless - 1, 10));
        return new RecoveryDecision(delay > MaxDelay ? MaxDelay : delay);
    }

    /// <summary>Ranks that never found each other are in a loop, too; those that lost each other while they trained have met a bad network or node.</summary>
    private static bool IsOwnDoing(CauseCard cause) =>
        cause.Kind == DeathKind.Rank || (cause.Kind == DeathKind.Peer && cause.Phase is null or RankPhase.Init);

    private static string Where(CauseCard cause) => cause.Phase is not { } phase ? "alike" : $"in phase {phase.ToString().ToLowerInvariant()}";

    private static bool Committed(RunRecord record, RunAttempt attempt) => record.Checkpoints.Any(c => c.Attempt == attempt.Attempt);
}

/// <summary>What to do after an attempt's ranks died.</summary>
/// <param name="Delay">How long to wait before the next attempt; null: there is none.</param>
/// <param name="Reason">Why there is none, one clause for the event; else null.</param>
public sealed record RecoveryDecision(TimeSpan? Delay, string? Reason = null);
