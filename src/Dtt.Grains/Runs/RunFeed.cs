using Dtt.Abstractions;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Grains.News;
using Dtt.Grains.Storage;
using Dtt.Grains.Telemetry;
using Microsoft.Extensions.Logging;

namespace Dtt.Grains.Runs;

/// <summary>
/// What others see of one run: its line in the index and its events, kept in the tables, and the news for those who watch. None of it is the run's state:
/// what the tables do not take now they get with the next change.
/// </summary>
internal sealed partial class RunFeed(IPlatformTables tables, RunMeter meter, string folder, TimeProvider time, ILogger log)
{
    private const int RingSize = 2048;
    private static readonly TimeSpan _indexPeriod = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _goodputPeriod = TimeSpan.FromMinutes(1);
    private readonly NewsRing<RunNews> _news = new(RingSize);
    private RunProgress _progress = new();
    private long _newsNumber, _eventsStored;
    private DateTimeOffset _indexed, _measured;
    private string? _waiting;

    /// <summary>What the run waits for while it is queued; null: not known.</summary>
    public string? Waiting => _waiting;

    /// <summary>The run's line.</summary>
    public RunRow Row(RunRecord record) => _progress.Row(folder, record);

    /// <summary>Goes on from the line that the index has.</summary>
    public async Task LoadAsync() => _progress = RunProgress.From(await tables.FindRunAsync(folder));

    /// <summary>Takes what a run of another store had measured; where its metrics did not come with it, what its checkpoints know.</summary>
    public void Adopt(RunRecord record, IReadOnlyList<StepMetrics> curve)
    {
        Take(curve);
        if (curve.Count == 0 && record.Latest is { } latest) _progress.StartFrom(latest);
    }

    /// <summary>The run stands at its newest checkpoint again.</summary>
    public Task GoBackAsync(RunRecord record)
    {
        if (record.Latest is { } latest) _progress.StartFrom(latest);
        else _progress.StartFrom(0);
        return PutIndexAsync(record);
    }

    /// <summary>Brings the events of the state and the run's line into the tables, and tells the viewers.</summary>
    public async Task StoreAsync(DurableRun run)
    {
        try
        {
            await tables.AddEventsAsync(folder, run.Events);
        }
        catch (IOException e)
        {
            LogTablesFailed(folder, e);
        }

        foreach (var e in run.Events.Where(e => e.Number > _eventsStored)) Publish(run.Record!.State, happened: e.Event);
        _eventsStored = run.LastEvent;
        Publish(run.Record!.State);
        await PutIndexAsync(run.Record);
    }

    /// <summary>Tells the viewers what the rank reported, and, once a second, the index.</summary>
    public async Task TakeAsync(RunRecord record, IReadOnlyList<RankMessage> messages)
    {
        foreach (var message in messages)
        {
            if (message is RankStarted started) _progress.StartFrom(started.FromStep);
            if (message is MetricsReport report)
            {
                Take(report.Rows);
                meter.Add(Row(record), report.Rows);
            }

            if (message is not RankEvent) Publish(record.State, message);
        }

        if (time.GetUtcNow() - _indexed >= _indexPeriod) await PutIndexAsync(record);
    }

    /// <summary>Measures the run's goodput once a minute, where metrics are collected.</summary>
    public async Task MeasureAsync(RunRecord record, RunHistory history)
    {
        if (!meter.IsCollected || time.GetUtcNow() - _measured < _goodputPeriod) return;
        _measured = time.GetUtcNow();
        try
        {
            meter.Set(Row(record), (await history.GoodputAsync(record, _measured)).Share);
        }
        catch (IOException e)
        {
            LogTablesFailed(folder, e);
        }
    }

    /// <summary>Its metrics are not collected here any more.</summary>
    public void Leave() => meter.Forget(folder);

    /// <summary>The run waits for something else now, or (null) for nothing.</summary>
    public void Wait(RunRecord? record, string? reason)
    {
        if (reason != _waiting && reason is not null && record is not null)
            Publish(record.State, happened: new RunEvent(time.GetUtcNow(), EventKinds.Waiting, reason));
        _waiting = reason;
    }

    /// <summary>The newest <paramref name="backlog"/> news, then how the run stands, then everything from now on.</summary>
    public IAsyncEnumerable<RunNews> WatchAsync(RunState state, int backlog, CancellationToken cancellation) =>
        _news.WatchAsync(backlog, new RunNews(_newsNumber, state), cancellation);

    private void Take(IEnumerable<StepMetrics> rows)
    {
        foreach (var row in rows) _progress.Apply(row);
    }

    private void Publish(RunState state, RankMessage? message = null, RunEvent? happened = null) =>
        _news.Publish(new RunNews(++_newsNumber, state, message, happened));

    private async Task PutIndexAsync(RunRecord record)
    {
        _indexed = time.GetUtcNow();
        meter.Set(Row(record));
        try
        {
            await tables.PutRunAsync(Row(record));
        }
        catch (IOException e)
        {
            LogTablesFailed(folder, e);
        }
    }

    [LoggerMessage(2003, LogLevel.Warning, "run {Run}: the tables could not be written or read; that is done again with the next change")]
    private partial void LogTablesFailed(string run, Exception exception);
}
