using Dtt.Abstractions;
using Dtt.Core.Runs;

namespace Dtt.Grains.Storage;

/// <summary>
/// The tables beside the grains' state: metrics, events, and the index of runs and datasets. All writes are insert-or-ignore or guarded by a version, so each may be done again.
/// </summary>
public interface IPlatformTables
{
    /// <summary>Stores metrics of an attempt; a key that is there is left alone.</summary>
    /// <exception cref="IOException">The database does not take them: a full disk.</exception>
    void AddMetrics(string run, int attempt, IReadOnlyList<StepMetrics> rows);

    /// <summary>Syncs all stored metrics to the disk.</summary>
    /// <exception cref="IOException">The database does not take them.</exception>
    void SyncMetrics();

    /// <summary>The rows of an attempt, by step.</summary>
    IReadOnlyList<StepMetrics> ReadMetrics(string run, int attempt);

    /// <summary>One metric of an attempt, by step.</summary>
    IReadOnlyList<(long Step, double Value)> ReadSeries(string run, int attempt, string name);

    /// <summary>Stores numbered events; a number that is there is left alone.</summary>
    void AddEvents(string run, IReadOnlyList<NumberedEvent> events);

    /// <summary>A run's events, oldest first.</summary>
    IReadOnlyList<RunEvent> ReadEvents(string run);

    /// <summary>Puts a run's line into the index unless a newer one is there.</summary>
    void PutRun(RunRow row);

    /// <summary>A run's line, or null.</summary>
    RunRow? FindRun(string run);

    /// <summary>All runs, oldest first.</summary>
    IReadOnlyList<RunRow> ListRuns();

    /// <summary>Forgets a run: index, metrics, events.</summary>
    void DeleteRun(string run);

    /// <summary>Puts a dataset's line into the index unless a newer one is there.</summary>
    void PutDataset(DatasetProgress row);

    /// <summary>All dataset jobs, by folder.</summary>
    IReadOnlyList<DatasetProgress> ListDatasets();
}
