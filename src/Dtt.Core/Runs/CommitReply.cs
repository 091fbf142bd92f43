namespace Dtt.Core.Runs;

/// <summary>The answer to a commit request.</summary>
/// <param name="Accepted">Whether the checkpoint is committed.</param>
/// <param name="Reason">Why not.</param>
/// <param name="Transient">Whether it was not written for a transient cause (a full disk), so that a later commit may be accepted.</param>
public sealed record CommitReply(bool Accepted, string? Reason = null, bool Transient = false);
