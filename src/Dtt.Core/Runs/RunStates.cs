namespace Dtt.Core.Runs;

/// <summary>What states have in common.</summary>
public static class RunStates
{
    /// <summary>Whether an attempt lives or is about to: the run continues by itself.</summary>
    public static bool IsActive(this RunState state) => state is RunState.Queued or RunState.Preparing or RunState.Running or RunState.Recovering;
}
