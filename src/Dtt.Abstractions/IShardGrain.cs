namespace Dtt.Abstractions;

/// <summary>
/// The durable record of one piece of a dataset; the key is the job's folder, <c>#</c> and the piece's number. Written once per finished stage.
/// </summary>
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

/// <summary>What one finished stage of one piece made.</summary>
/// <param name="Bytes">Raw bytes read.</param>
/// <param name="Sha256">Hash of what was written: the count table, or the shards' hashes in order.</param>
/// <param name="Tokens">Tokens made; 0 for counting.</param>
/// <param name="Documents">Documents read.</param>
/// <param name="Node">The machine that did it.</param>
public sealed record PieceResult(long Bytes, string Sha256, long Tokens, long Documents, string Node);
