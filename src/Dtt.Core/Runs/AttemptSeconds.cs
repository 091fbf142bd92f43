namespace Dtt.Core.Runs;

/// <summary>What the metrics of an attempt add up to, seconds.</summary>
/// <param name="Useful">Its steps that no later attempt ran again (<see cref="Lineage.LastStepOf"/>).</param>
/// <param name="Again">Its other steps.</param>
/// <param name="Saving">The stalls of its saves.</param>
public readonly record struct AttemptSeconds(double Useful, double Again, double Saving);
