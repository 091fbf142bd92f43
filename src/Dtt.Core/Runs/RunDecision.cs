namespace Dtt.Core.Runs;

/// <summary>What a run decided.</summary>
/// <param name="State">The state to write; the very same object when nothing changed.</param>
/// <param name="Effects">What to do once it is written, in order.</param>
public sealed record RunDecision(DurableRun State, params IReadOnlyList<RunEffect> Effects)
{
    /// <summary>Why the request was refused, or null.</summary>
    public string? Refusal { get; init; }

    /// <summary>The answer to a commit.</summary>
    public CommitReply? Commit { get; init; }

    /// <summary>Whether the input was accepted: for a grant, whether the attempt was begun; for a report, whether the attempt is current.</summary>
    public bool Accepted { get; init; }

    /// <summary>Whether the changed state must be written at once; if not it stays in memory, and is written with the next change.</summary>
    public bool Durable { get; init; } = true;
}
