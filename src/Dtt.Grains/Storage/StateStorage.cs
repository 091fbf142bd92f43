namespace Dtt.Grains.Storage;

/// <summary>Names that stand in the database and must never change: rows are keyed by state name and grain key.</summary>
public static class StateStorage
{
    /// <summary>The storage provider: every write is synced.</summary>
    public const string Provider = "dtt";

    /// <summary>The storage provider of pieces: a write survives any kill at once, and a power failure with the next synced write of the dataset.</summary>
    public const string PieceProvider = "dtt-pieces";

    internal const string Run = "run", Queue = "queue", Dataset = "dataset", Shard = "shard", Experiment = "experiment";
}
