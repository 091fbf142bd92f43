namespace Dtt.Core.Runs;

/// <summary>The answer to a commit request.</summary>
/// <param name="Accepted">Whether the checkpoint is committed.</param>
/// <param name="Reason">Why not.</param>
/// <param name="Passing">Whether the cause may pass (a full disk) and a later commit may be accepted.</param>
public sealed record CommitReply(bool Accepted, string? Reason = null, bool Passing = false);
