namespace Dtt.Abstractions.Platform;

/// <summary>Run → agent: how an attempt stands.</summary>
/// <param name="Current">Whether the attempt is current; if not, its rank must be killed.</param>
/// <param name="StopRequested">Whether it is to stop after its step.</param>
public sealed record Standing(bool Current, bool StopRequested);
