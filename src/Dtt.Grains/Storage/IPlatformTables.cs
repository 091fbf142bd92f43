using Dtt.Abstractions;
using Dtt.Core.Runs;

namespace Dtt.Grains.Storage;

/// <summary>
/// The tables beside the grains' state: metrics, events, and the index of runs and datasets. All writes are insert-or-ignore or guarded by a version, so each
/// may be done again. No call does its work on the caller's thread; writes to one table about one run or dataset happen in the order of the calls, and reads
/// see those whose tasks are done.
/// </summary>
/// <exception cref="IOException">
/// Of every call's task: the database is locked by another program, damaged, away, or its disk is full. A write that failed has changed nothing or, where a
/// server's answer was lost, all of it.
/// </exception>
public interface IPlatformTables
{
    /// <summary>Stores metrics of an attempt, all or none; a key that is there is left alone.</summary>
    Task AddMetricsAsync(string run, int attempt, IReadOnlyList<StepMetrics> rows);

    /// <summary>Syncs all stored metrics to the disk: what a commit waits for.</summary>
    Task SyncMetricsAsync();

    /// <summary>The rows of an attempt, by step.</summary>
    Task<IReadOnlyList<StepMetrics>> ReadMetricsAsync(string run, int attempt, CancellationToken cancellation = default);

    /// <summary>One metric of an attempt, by step.</summary>
    Task<IReadOnlyList<(long Step, double Value)>> ReadSeriesAsync(string run, int attempt, string name, CancellationToken cancellation = default);

    /// <summary>What one metric of an attempt adds up to: up to a step, and beyond it. Values that are not finite are left out.</summary>
    Task<(double Upto, double Beyond)> SumSeriesAsync(string run, int attempt, string name, long lastStep);

    /// <summary>The last step that one metric of each attempt has, of the attempts that have it.</summary>
    Task<IReadOnlyDictionary<int, long>> ReadLastStepsAsync(string run, string name);

    /// <summary>Stores numbered events, all or none; a number that is there is left alone.</summary>
    Task AddEventsAsync(string run, IReadOnlyList<NumberedEvent> events);

    /// <summary>A run's events, oldest first.</summary>
    Task<IReadOnlyList<RunEvent>> ReadEventsAsync(string run, CancellationToken cancellation = default);

    /// <summary>Puts a run's line into the index unless a newer one is there.</summary>
    Task PutRunAsync(RunRow row);

    /// <summary>A run's line, or null.</summary>
    Task<RunRow?> FindRunAsync(string run);

    /// <summary>All runs, oldest first.</summary>
    Task<IReadOnlyList<RunRow>> ListRunsAsync();

    /// <summary>Forgets a run: metrics and events, then its line in the index.</summary>
    Task DeleteRunAsync(string run);

    /// <summary>Puts a dataset's line into the index unless a newer one is there.</summary>
    Task PutDatasetAsync(DatasetProgress row);

    /// <summary>All dataset jobs, by folder.</summary>
    Task<IReadOnlyList<DatasetProgress>> ListDatasetsAsync();
}
