using System.Text.Json.Serialization;
using Dtt.Core.Runs;

namespace Dtt.Grains.Queue;

/// <summary>The durable state of the queue.</summary>
public sealed record QueueState
{
    /// <summary>The runs that wait, in no particular order.</summary>
    public IReadOnlyList<QueueEntry> Entries { get; init; } = [];
}

/// <summary>A run that waits for a device.</summary>
/// <param name="Run">The run's folder.</param>
/// <param name="Attempt">The attempt it wants to begin.</param>
/// <param name="Priority">Higher is served first.</param>
/// <param name="Request">The devices it wants.</param>
/// <param name="Since">When it came.</param>
public sealed record QueueEntry(
    string Run, int Attempt, int Priority, [property: JsonPropertyName("wish")] DeviceRequest Request, DateTimeOffset Since)
{
    /// <summary>When the attempt may begin; null: at once.</summary>
    public DateTimeOffset? NotBefore { get; init; }

    internal string Device => Request.WantsGpu ? "gpu, else cpu" : "cpu";
}
