using Dtt.Abstractions;

namespace Dtt.Grains.Datasets;

/// <summary>The durable state of one piece.</summary>
public sealed record ShardState
{
    /// <summary>What each finished stage made.</summary>
    public IReadOnlyDictionary<DatasetStage, PieceResult> Finished { get; init; } = new Dictionary<DatasetStage, PieceResult>();
}
