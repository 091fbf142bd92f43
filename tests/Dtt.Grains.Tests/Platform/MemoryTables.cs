using System.Collections.Concurrent;
using Dtt.Abstractions;
using Dtt.Core.Runs;
using Dtt.Grains.Storage;

namespace Dtt.Grains.Tests.Platform;

/// <summary>The platform's tables in memory; metrics can be made to fail.</summary>
internal sealed class MemoryTables : IPlatformTables
{
    private readonly ConcurrentDictionary<(string Run, int Attempt, long Step), StepMetrics> _metrics = new();
    private readonly ConcurrentDictionary<(string Run, long Number), RunEvent> _events = new();
    private readonly ConcurrentDictionary<string, RunRow> _runs = new();
    private readonly ConcurrentDictionary<string, DatasetProgress> _datasets = new();

    /// <summary>Whether metrics are refused, as by a full disk.</summary>
    public bool IsFull { get; set; }

    public Task AddMetricsAsync(string run, int attempt, IReadOnlyList<StepMetrics> rows)
    {
        if (IsFull) return Task.FromException(new IOException("the disk is full"));
        foreach (var row in rows) _ = _metrics.TryAdd((run, attempt, row.Step), row);
        return Task.CompletedTask;
    }

    public Task SyncMetricsAsync() => Task.CompletedTask;

    public Task<IReadOnlyList<StepMetrics>> ReadMetricsAsync(string run, int attempt, CancellationToken cancellation) => List(Metrics(run, attempt));

    public Task<IReadOnlyList<(long Step, double Value)>> ReadSeriesAsync(string run, int attempt, string name, CancellationToken cancellation) =>
        List(Metrics(run, attempt).Where(r => r.Values.ContainsKey(name)).Select(r => (r.Step, r.Values[name])));

    public async Task<(double Upto, double Beyond)> SumSeriesAsync(string run, int attempt, string name, long lastStep)
    {
        var rows = (await ReadSeriesAsync(run, attempt, name, default)).Where(r => double.IsFinite(r.Value)).ToList();
        return (rows.Where(r => r.Step <= lastStep).Sum(r => r.Value), rows.Where(r => r.Step > lastStep).Sum(r => r.Value));
    }

    public Task<IReadOnlyDictionary<int, long>> ReadLastStepsAsync(string run, string name) => Task.FromResult<IReadOnlyDictionary<int, long>>(
        _metrics.Where(m => m.Key.Run == run && m.Value.Values.ContainsKey(name)).GroupBy(m => m.Key.Attempt, m => m.Key.Step)
            .ToDictionary(steps => steps.Key, steps => steps.Max()));

    public Task AddEventsAsync(string run, IReadOnlyList<NumberedEvent> events)
    {
        foreach (var e in events) _ = _events.TryAdd((run, e.Number), e.Event);
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<RunEvent>> ReadEventsAsync(string run, CancellationToken cancellation) =>
        List(_events.Where(e => e.Key.Run == run).OrderBy(e => e.Key.Number).Select(e => e.Value));

    public Task PutRunAsync(RunRow row)
    {
        _runs[row.Folder] = row;
        return Task.CompletedTask;
    }

    public Task<RunRow?> FindRunAsync(string run) => Task.FromResult(_runs.GetValueOrDefault(run));

    public Task<IReadOnlyList<RunRow>> ListRunsAsync() => List(_runs.Values);

    public Task DeleteRunAsync(string run)
    {
        _ = _runs.TryRemove(run, out _);
        return Task.CompletedTask;
    }

    public Task PutDatasetAsync(DatasetProgress row)
    {
        _datasets[row.Folder] = row;
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<DatasetProgress>> ListDatasetsAsync() => List(_datasets.Values);

    private IEnumerable<StepMetrics> Metrics(string run, int attempt) =>
        _metrics.Where(m => m.Key.Run == run && m.Key.Attempt == attempt).Select(m => m.Value).OrderBy(m => m.Step);

    private static Task<IReadOnlyList<T>> List<T>(IEnumerable<T> rows) => Task.FromResult<IReadOnlyList<T>>([.. rows]);
}
