namespace Dtt.Abstractions.Platform;

/// <summary>The one queue of a platform: order and priority of the runs that wait for a device, nothing else.</summary>
[Alias("dtt.queue")]
public interface IQueueGrain : IGrainWithIntegerKey
{
    /// <summary>Puts a run in line for its next attempt; a run that stands there keeps its place.</summary>
    [Alias("enqueue")]
    Task EnqueueAsync(string run, int attempt, int priority, DeviceWish wish);

    /// <summary>Takes a run out of line.</summary>
    [Alias("dequeue")]
    Task DequeueAsync(string run);

    /// <summary>A device may be free.</summary>
    [Alias("wake")]
    Task WakeAsync();

    /// <summary>Who waits, first one first.</summary>
    [Alias("list")]
    Task<QueueRow[]> ListAsync();
}
