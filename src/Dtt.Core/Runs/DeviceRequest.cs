namespace Dtt.Core.Runs;

/// <summary>The devices that a run wants.</summary>
/// <param name="WantsGpu">GPUs where the machine has any, one a rank; else all ranks share the CPU.</param>
/// <param name="Ranks">Ranks to train on.</param>
/// <param name="MinRanks">Fewest that will do.</param>
public sealed record DeviceRequest(bool WantsGpu, int Ranks, int MinRanks);
