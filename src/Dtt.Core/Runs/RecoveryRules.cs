namespace Dtt.Core.Runs;

/// <summary>Whether a run whose rank died recovers by itself: as long as one of every few attempts in a row commits a step.</summary>
public static class RecoveryRules
{
    /// <summary>Attempts in a row that may die without a new commit.</summary>
    public const int FruitlessAttempts = 3;

    /// <summary>Decides after an attempt's rank died.</summary>
    /// <param name="record">The run, the dead attempt being current.</param>
    public static RecoveryDecision Decide(RunRecord record)
    {
        var earlier = record.Attempts.SkipLast(1).Reverse().TakeWhile(a => a.EndState == RunState.Recovering && !Committed(record, a));
        var fruitless = Committed(record, record.Attempts[^1]) ? 0 : 1 + earlier.Count();
        return fruitless < FruitlessAttempts
            ? new RecoveryDecision(true, $"continuing with attempt {record.CurrentAttempt + 1} from step {record.Latest?.Step ?? 0}")
            : new RecoveryDecision(false, $"giving up: {fruitless} attempts in a row died before they committed a step after step {record.Latest?.Step ?? 0}");
    }

    private static bool Committed(RunRecord record, RunAttempt attempt) => record.Checkpoints.Any(c => c.Attempt == attempt.Attempt);
}

/// <summary>What to do after a rank died.</summary>
/// <param name="Recover">Whether to begin the next attempt.</param>
/// <param name="Reason">One clause for the event.</param>
public sealed record RecoveryDecision(bool Recover, string Reason);
