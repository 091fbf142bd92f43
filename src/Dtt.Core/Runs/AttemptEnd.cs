using Dtt.Core.Ranks;

namespace Dtt.Core.Runs;

/// <summary>Agent → run: the ranks of an attempt on its node are gone.</summary>
/// <param name="Attempt">Their attempt.</param>
/// <param name="Ending">Their last message, <see cref="RankFinished"/> or <see cref="RankFailed"/>; null when they died without one.</param>
/// <param name="Died">For ranks without a last message: how they ended and what they were doing.</param>
public sealed record AttemptEnd(int Attempt, RankMessage? Ending, CauseCard? Died);
