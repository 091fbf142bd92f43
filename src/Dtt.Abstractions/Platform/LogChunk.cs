namespace Dtt.Abstractions.Platform;

/// <summary>A stretch of a run's log.</summary>
/// <param name="Text">The text.</param>
/// <param name="Next">Where the next stretch starts, in bytes.</param>
/// <param name="Exists">Whether there is such a log.</param>
public sealed record LogChunk(string Text, long Next, bool Exists);
