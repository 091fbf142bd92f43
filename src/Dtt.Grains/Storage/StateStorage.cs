namespace Dtt.Grains.Storage;

/// <summary>Names that stand in the database and must never change: rows are keyed by state name and grain key.</summary>
public static class StateStorage
{
    /// <summary>The storage provider.</summary>
    public const string Provider = "dtt";

    internal const string Run = "run", Queue = "queue", Dataset = "dataset", Shard = "shard", Experiment = "experiment";
}
