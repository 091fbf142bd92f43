using Dtt.Core.Runs;

namespace Dtt.Grains.Queue;

/// <summary>The durable state of the queue.</summary>
public sealed record QueueState
{
    /// <summary>Who waits, in no particular order.</summary>
    public IReadOnlyList<QueueEntry> Entries { get; init; } = [];
}

/// <summary>A run that waits for a device.</summary>
/// <param name="Run">The run's folder.</param>
/// <param name="Attempt">The attempt it wants to begin.</param>
/// <param name="Priority">Higher goes first.</param>
/// <param name="Wish">The devices it wants.</param>
/// <param name="Since">When it came.</param>
public sealed record QueueEntry(string Run, int Attempt, int Priority, DeviceRequest Wish, DateTimeOffset Since)
{
    internal string Device => Wish.WantsGpu ? "gpu, else cpu" : "cpu";
}
