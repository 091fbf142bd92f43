using Dtt.Core.Runs;

namespace Dtt.Abstractions;

/// <summary>The one queue of a platform: order and priority of the runs that wait for a device, nothing else.</summary>
[Alias("dtt.queue")]
public interface IQueueGrain : IGrainWithIntegerKey
{
    /// <summary>Queues a run for its next attempt, not to begin before a time; a run that is queued keeps its place.</summary>
    [Alias("enqueue")]
    Task EnqueueAsync(string run, int attempt, int priority, DeviceRequest request, DateTimeOffset? notBefore);

    /// <summary>Removes a run from the queue.</summary>
    [Alias("dequeue")]
    Task DequeueAsync(string run);

    /// <summary>A device may be free.</summary>
    [Alias("wake")]
    Task WakeAsync();

    /// <summary>The runs that wait, the next one first.</summary>
    [Alias("list")]
    Task<QueueRow[]> ListAsync();
}

/// <summary>A run that waits for a device.</summary>
/// <param name="Run">The run's folder.</param>
/// <param name="Priority">Higher is served first.</param>
/// <param name="Since">When it first asked.</param>
/// <param name="Device">What it wants: <c>gpu, else cpu</c> or <c>cpu</c>.</param>
/// <param name="Reason">Why it waits.</param>
public sealed record QueueRow(string Run, int Priority, DateTimeOffset Since, string Device, string Reason);
