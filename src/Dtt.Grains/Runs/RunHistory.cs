using Dtt.Core.Runs;
using Dtt.Grains.Storage;

namespace Dtt.Grains.Runs;

/// <summary>What the tables hold of one run: its events and its metrics, of each attempt or as one curve.</summary>
internal sealed class RunHistory(IPlatformTables tables, string folder)
{
    /// <summary>The run's events, oldest first.</summary>
    public async Task<RunEvent[]> EventsAsync() => [.. await tables.ReadEventsAsync(folder)];

    /// <summary>The steps that no later attempt ran again, each once.</summary>
    public async Task<IReadOnlyList<StepMetrics>> ReadCurveAsync(IReadOnlyList<RunAttempt> attempts, CancellationToken cancellation = default)
    {
        var rows = new Dictionary<int, IReadOnlyList<StepMetrics>>();
        foreach (var attempt in attempts) rows[attempt.Attempt] = await tables.ReadMetricsAsync(folder, attempt.Attempt, cancellation);
        return await Task.Run(() => MetricLineage.Curve(attempts, a => rows[a]), cancellation); // a long curve holds nobody up
    }

    /// <summary>The same, page by page.</summary>
    public IAsyncEnumerable<StepMetrics[]> CurveAsync(IReadOnlyList<RunAttempt> attempts, CancellationToken cancellation) =>
        Pages(() => ReadCurveAsync(attempts, cancellation));

    /// <summary>All rows of one attempt, page by page.</summary>
    public IAsyncEnumerable<StepMetrics[]> AttemptRowsAsync(int attempt, CancellationToken cancellation) =>
        Pages(() => tables.ReadMetricsAsync(folder, attempt, cancellation));

    /// <summary>The last step that each attempt has come to, of those that have come to any.</summary>
    public Task<IReadOnlyDictionary<int, long>> LastStepsAsync() => tables.ReadLastStepsAsync(folder, MetricNames.TrainLoss);

    /// <summary>One metric's curve of at most so many points.</summary>
    public async Task<(long Step, double Value)[]> SeriesAsync(IReadOnlyList<RunAttempt> attempts, string name, int points)
    {
        var rows = new Dictionary<int, IReadOnlyList<(long, double)>>();
        foreach (var attempt in attempts) rows[attempt.Attempt] = await tables.ReadSeriesAsync(folder, attempt.Attempt, name);
        return MetricSeries.Of(attempts, a => rows[a], points);
    }

    /// <summary>Where the run's time went. Adds up two metrics in the tables, and reads no curve.</summary>
    public async Task<Goodput> GoodputAsync(RunRecord record, DateTimeOffset now)
    {
        var sums = new List<AttemptSeconds>();
        for (var i = 0; i < record.Attempts.Count; i++)
        {
            var attempt = record.Attempts[i].Attempt;
            var (useful, again) = await tables.SumSeriesAsync(folder, attempt, MetricNames.StepSeconds, Lineage.LastStepOf(record.Attempts, i));
            var (saving, _) = await tables.SumSeriesAsync(folder, attempt, MetricNames.SaveStallSeconds, long.MaxValue);
            sums.Add(new AttemptSeconds(useful, again, saving));
        }

        return Goodput.Of(record, await tables.ReadEventsAsync(folder), sums, now);
    }

    /// <summary>Gives rows page by page, so that no message is too large.</summary>
    private static async IAsyncEnumerable<StepMetrics[]> Pages(Func<Task<IReadOnlyList<StepMetrics>>> read)
    {
        const int page = 2000;
        var rows = await read();
        for (var i = 0; i < rows.Count; i += page) yield return [.. rows.Skip(i).Take(page)];
    }
}
