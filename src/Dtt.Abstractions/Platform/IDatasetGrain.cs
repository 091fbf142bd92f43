namespace Dtt.Abstractions.Platform;

/// <summary>The durable owner of one dataset job; the key is the folder that it makes, absolute.</summary>
[Alias("dtt.dataset")]
public interface IDatasetGrain : IGrainWithStringKey
{
    /// <summary>Begins the job, or goes on with it.</summary>
    /// <exception cref="Errors.UserErrorException">The same folder is being made of something else.</exception>
    [Alias("begin")]
    Task BeginAsync(DatasetJob job);

    /// <summary>Hands out no more work; what is in flight is finished.</summary>
    [Alias("pause")]
    Task PauseAsync();

    /// <summary>How far it is, or null when nobody began it.</summary>
    [Alias("find")]
    Task<DatasetProgress?> FindAsync();

    /// <summary>How far it is: now, and whenever that changes, until it ends.</summary>
    [Alias("watch")]
    IAsyncEnumerable<DatasetProgress> WatchAsync(CancellationToken cancellation = default);

    /// <summary>Its pieces.</summary>
    [Alias("shards")]
    Task<ShardRow[]> ShardsAsync();

    /// <summary>Agent → dataset: what is done, and a wish for at most <paramref name="free"/> items; the items that the agent still works on are leased on.</summary>
    [Alias("exchange")]
    Task<WorkOffer> ExchangeAsync(NodeRef node, WorkDone[] done, WorkItem[] working, int free);
}
