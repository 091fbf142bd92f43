namespace Dtt.Abstractions.Runs;

/// <summary>The answer to a commit request.</summary>
/// <param name="Accepted">Whether the checkpoint is committed.</param>
/// <param name="Reason">Why not.</param>
public sealed record CommitReply(bool Accepted, string? Reason = null);
