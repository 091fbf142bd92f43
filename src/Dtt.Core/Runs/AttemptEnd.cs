using Dtt.Core.Ranks;

namespace Dtt.Core.Runs;

/// <summary>Agent → run: a rank is gone.</summary>
/// <param name="Attempt">Its attempt.</param>
/// <param name="Ending">Its last message, <see cref="RankFinished"/> or <see cref="RankFailed"/>; null when it died without one.</param>
/// <param name="Died">For a rank without a last message: how it ended and what it was doing.</param>
public sealed record AttemptEnd(int Attempt, RankMessage? Ending, string? Died);
