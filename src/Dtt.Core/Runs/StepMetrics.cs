namespace Dtt.Core.Runs;

/// <summary>The metrics of one step. The key of a value is (run, attempt, step, name); a key that is there already is left alone.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Values">Name → value; the names are in <see cref="MetricNames"/>.</param>
public sealed record StepMetrics(long Step, IReadOnlyDictionary<string, double> Values);
