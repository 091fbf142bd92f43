namespace Dtt.Core.Runs;

/// <summary>The one rule of lineage: what a later attempt ran again does not count for the earlier one.</summary>
public static class Lineage
{
    /// <summary>The last step of an attempt that no later one ran again: the smallest <c>from_step</c> of all later attempts, or no bound.</summary>
    /// <param name="attempts">The run's attempts, oldest first.</param>
    /// <param name="index">Which of them.</param>
    public static long LastStepOf(IReadOnlyList<RunAttempt> attempts, int index) => attempts.Skip(index + 1).Min(a => a.FromStep) ?? long.MaxValue;
}
