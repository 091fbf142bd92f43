using System.Text.Json.Serialization;

namespace Dtt.Core.Runs;

/// <summary>The part of an attempt that lives on one node: its ranks are <see cref="FirstRank"/> and those after it, one a device.</summary>
/// <param name="Node">Where.</param>
/// <param name="Devices">The devices, one a rank.</param>
/// <param name="FirstRank">The number of the first of its ranks in the attempt; rank 0's part speaks for all.</param>
public sealed record Placement(NodeRef Node, IReadOnlyList<string> Devices, int FirstRank)
{
    /// <summary>Whether its ranks have GPUs.</summary>
    [JsonIgnore]
    public bool OnGpus => Devices.Any(d => d.StartsWith("gpu:", StringComparison.Ordinal));

    /// <summary>How it ended; null while it lives.</summary>
    public AttemptEnd? End { get; init; }

    /// <summary>When that was known.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Whether another says the same place, however either ended.</summary>
    public bool IsSamePlace(Placement other) => Node == other.Node && FirstRank == other.FirstRank && Devices.SequenceEqual(other.Devices);
}
