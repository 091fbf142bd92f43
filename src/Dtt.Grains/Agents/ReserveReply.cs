namespace Dtt.Grains.Agents;

/// <summary>The answer to a reservation.</summary>
/// <param name="Device">The device, or null.</param>
/// <param name="Reason">Why there is none.</param>
public sealed record ReserveReply(string? Device, string? Reason = null);
