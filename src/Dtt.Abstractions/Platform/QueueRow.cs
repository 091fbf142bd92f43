namespace Dtt.Abstractions.Platform;

/// <summary>A run that waits for a device.</summary>
/// <param name="Run">The run's folder.</param>
/// <param name="Priority">Higher goes first.</param>
/// <param name="Since">When it first asked.</param>
/// <param name="Device">What it wants: <c>gpu, else cpu</c> or <c>cpu</c>.</param>
/// <param name="Reason">Why it waits.</param>
public sealed record QueueRow(string Run, int Priority, DateTimeOffset Since, string Device, string Reason);
