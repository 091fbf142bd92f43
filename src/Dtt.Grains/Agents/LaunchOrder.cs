using Dtt.Abstractions.Ranks;

namespace Dtt.Grains.Agents;

/// <summary>Run → agent: start this attempt's rank.</summary>
/// <param name="Spec">What it trains.</param>
/// <param name="Device">The device that is reserved for it.</param>
/// <param name="Environment">The run's environment.</param>
public sealed record LaunchOrder(TrainSpec Spec, string Device, IReadOnlyDictionary<string, string> Environment);
