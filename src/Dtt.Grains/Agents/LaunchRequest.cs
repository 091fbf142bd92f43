using Dtt.Core.Ranks;

namespace Dtt.Grains.Agents;

/// <summary>Run → agent: start the ranks of this attempt.</summary>
/// <param name="Spec">What it trains.</param>
/// <param name="Devices">The devices that are reserved for it, one a rank.</param>
/// <param name="Environment">The run's environment.</param>
public sealed record LaunchRequest(TrainSpec Spec, IReadOnlyList<string> Devices, IReadOnlyDictionary<string, string> Environment);
