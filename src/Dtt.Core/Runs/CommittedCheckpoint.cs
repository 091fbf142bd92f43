using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;

namespace Dtt.Core.Runs;

/// <summary>A checkpoint whose commit was accepted: the only kind that is ever opened.</summary>
public sealed record CommittedCheckpoint : WrittenCheckpoint
{
    /// <summary>A checkpoint in a run's state.</summary>
    [JsonConstructor]
    public CommittedCheckpoint()
    {
    }

    /// <summary>Accepts what a rank wrote.</summary>
    [SetsRequiredMembers]
    public CommittedCheckpoint(WrittenCheckpoint written) : base(written)
    {
    }

    /// <summary>Whether retention leaves it alone.</summary>
    public bool Pinned { get; init; }
}
