namespace Dtt.Grains.Agents;

/// <summary>The answer to a reservation.</summary>
/// <param name="Devices">The devices, one a rank; empty: none.</param>
/// <param name="Reason">Why there is none.</param>
/// <param name="Gpus">GPUs of the node, free or not; 0 also where it did not say.</param>
public sealed record ReserveReply(IReadOnlyList<string> Devices, string? Reason = null, int Gpus = 0);
