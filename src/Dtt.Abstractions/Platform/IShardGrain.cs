namespace Dtt.Abstractions.Platform;

/// <summary>The durable record of one piece of a dataset; the key is the job's folder, <c>#</c> and the piece's number. Written once per finished stage.</summary>
[Alias("dtt.shard")]
public interface IShardGrain : IGrainWithStringKey
{
    /// <summary>Notes a finished stage; the same result twice changes nothing.</summary>
    [Alias("finish")]
    Task FinishAsync(DatasetStage stage, PieceResult result);

    /// <summary>What a stage made, or null when it is not finished.</summary>
    [Alias("find")]
    Task<PieceResult?> FindAsync(DatasetStage stage);
}
