namespace Dtt.Core.Runs;

/// <summary>The arithmetic of a run.</summary>
/// <param name="TotalSteps">Steps of the run.</param>
/// <param name="GlobalBatchWindows">Windows per step, G.</param>
/// <param name="TokensPerStep">Target tokens per step: G · T.</param>
public sealed record RunPlan(long TotalSteps, long GlobalBatchWindows, long TokensPerStep);
