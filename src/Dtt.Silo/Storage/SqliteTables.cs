using System.Data.Common;
using System.Globalization;
using System.Text.Json;
using Dapper;
using Dtt.Abstractions;
using Dtt.Core.Runs;
using Dtt.Grains.Storage;
using Microsoft.Data.Sqlite;

namespace Dtt.Silo.Storage;

/// <summary>The platform's tables on SQLite. <see cref="SqliteSource"/> says where and in which order the statements run.</summary>
internal sealed class SqliteTables(SqliteDatabase database) : IPlatformTables
{
    private const string SeriesMetrics = "FROM Series s JOIN Metric m ON m.Series = s.Id WHERE s.Run = @run AND s.Attempt = @attempt";
    private const string LastSteps = """
        SELECT s.Attempt, max(m.Step) FROM Series s JOIN Metric m ON m.Series = s.Id WHERE s.Run = @run AND s.Name = @name GROUP BY s.Attempt
        """;

    public Task AddMetricsAsync(string run, int attempt, IReadOnlyList<StepMetrics> rows) => database.Metrics.WriteAsync(connection =>
    {
        using var transaction = connection.BeginTransaction();
        using var insert = connection.CreateCommand();
        (insert.Transaction, insert.CommandText) = (transaction, "INSERT INTO Metric VALUES (@series, @step, @value) ON CONFLICT DO NOTHING");
        var series = new SqliteParameter("@series", SqliteType.Integer);
        var step = new SqliteParameter("@step", SqliteType.Integer);
        var value = new SqliteParameter("@value", SqliteType.Real);
        insert.Parameters.AddRange(new[] { series, step, value });
        foreach (var name in rows.SelectMany(r => r.Values.Keys).Distinct())
        {
            series.Value = SeriesOf(run, attempt, name, connection, transaction);
            foreach (var row in rows.Where(r => r.Values.ContainsKey(name)))
            {
                (step.Value, value.Value) = (row.Step, double.IsNaN(row.Values[name]) ? DBNull.Value : row.Values[name]);
                insert.ExecuteNonQuery();
            }
        }

        transaction.Commit();
    });

    /// <inheritdoc/>
    /// <remarks>
    /// One small write that is synced brings all before it in the log to the disk, whoever reads. A checkpoint would not do: beside a reader of an older
    /// state a passive one may leave rows in a log that was never synced, and a full one fails.
    /// </remarks>
    public Task SyncMetricsAsync() => database.Metrics.WriteAsync(connection =>
    {
        var syncs = connection.ExecuteScalar<int>("PRAGMA user_version"); // an update that changes nothing would write nothing
        connection.Execute($"PRAGMA synchronous=FULL; PRAGMA user_version={unchecked(syncs + 1).ToString(CultureInfo.InvariantCulture)}");
        connection.Execute("PRAGMA wal_checkpoint(PASSIVE)"); // keeps the log short, as far as readers let it
    });

    public Task<IReadOnlyList<StepMetrics>> ReadMetricsAsync(string run, int attempt, CancellationToken cancellation) =>
        database.Metrics.ReadAsync<IReadOnlyList<StepMetrics>>(connection =>
        {
            const string query = $"SELECT m.Step, s.Name, m.Value {SeriesMetrics}";
            var steps = new SortedDictionary<long, Dictionary<string, double>>();
            foreach (var (step, name, value) in connection.Query<(long, string, double?)>(query, new { run, attempt }, buffered: false))
            {
                cancellation.ThrowIfCancellationRequested();
                if (!steps.TryGetValue(step, out var values)) steps[step] = values = new(StringComparer.Ordinal);
                values[name] = value ?? double.NaN;
            }

            return [.. steps.Select(s => new StepMetrics(s.Key, s.Value))];
        }, cancellation);

    public Task<IReadOnlyList<(long Step, double Value)>> ReadSeriesAsync(string run, int attempt, string name, CancellationToken cancellation) =>
        database.Metrics.ReadAsync<IReadOnlyList<(long, double)>>(connection =>
        [
            .. connection
                .Query<(long Step, double? Value)>($"SELECT m.Step, m.Value {SeriesMetrics} AND s.Name = @name ORDER BY m.Step", new { run, attempt, name })
                .Select(r => (r.Step, r.Value ?? double.NaN)),
        ], cancellation);

    public Task<(double Upto, double Beyond)> SumSeriesAsync(string run, int attempt, string name, long lastStep) =>
        database.Metrics.ReadAsync(connection => connection.QuerySingle<(double, double)>(
            $"SELECT coalesce(sum(CASE WHEN m.Step <= @lastStep THEN m.Value END), 0.0), coalesce(sum(CASE WHEN m.Step > @lastStep THEN m.Value END), 0.0) "
            + $"{SeriesMetrics} AND s.Name = @name AND m.Value <= @most",
            new { run, attempt, name, lastStep, most = double.MaxValue }));

    public Task<IReadOnlyDictionary<int, long>> ReadLastStepsAsync(string run, string name) =>
        database.Metrics.ReadAsync<IReadOnlyDictionary<int, long>>(connection => connection
            .Query<(long Attempt, long Step)>(LastSteps, new { run, name }).ToDictionary(r => (int)r.Attempt, r => r.Step));

    public Task AddEventsAsync(string run, IReadOnlyList<NumberedEvent> events)
    {
        if (events.Count == 0) return Task.CompletedTask;
        var rows = events.Select(e => new { run, e.Number, at = Text(e.Event.At), e.Event.Kind, e.Event.Message });
        return database.Metrics.WriteAsync(connection =>
        {
            using var transaction = connection.BeginTransaction();
            connection.Execute("INSERT INTO Event VALUES (@run, @Number, @at, @Kind, @Message) ON CONFLICT DO NOTHING", rows, transaction);
            transaction.Commit();
        });
    }

    public Task<IReadOnlyList<RunEvent>> ReadEventsAsync(string run, CancellationToken cancellation) =>
        database.Metrics.ReadAsync<IReadOnlyList<RunEvent>>(connection =>
            [.. connection
                .Query<(string At, string Kind, string Message)>("SELECT At, Kind, Message FROM Event WHERE Run = @run ORDER BY Number", new { run })
                .Select(e => new RunEvent(DateTimeOffset.Parse(e.At, CultureInfo.InvariantCulture), e.Kind, e.Message))], cancellation);

    public Task PutRunAsync(RunRow row) => database.State.WriteAsync(connection => connection.Execute(
        """
        INSERT INTO Run VALUES (@Folder, @created, @Version, @json)
        ON CONFLICT (Folder) DO UPDATE SET Version = excluded.Version, Row = excluded.Row, CreatedAt = excluded.CreatedAt WHERE excluded.Version >= Run.Version
        """,
        new { row.Folder, created = Text(row.CreatedAt.UtcDateTime), row.Version, json = JsonSerializer.Serialize(row, PlatformJson.Default.RunRow) }));

    public Task<RunRow?> FindRunAsync(string run) => database.State.ReadAsync(connection =>
        connection.QueryFirstOrDefault<string>("SELECT Row FROM Run WHERE Folder = @run", new { run }) is { } json
            ? JsonSerializer.Deserialize(json, PlatformJson.Default.RunRow) : null);

    public Task<IReadOnlyList<RunRow>> ListRunsAsync() => database.State.ReadAsync<IReadOnlyList<RunRow>>(connection =>
        [.. connection.Query<string>("SELECT Row FROM Run ORDER BY CreatedAt, Folder")
            .Select(json => JsonSerializer.Deserialize(json, PlatformJson.Default.RunRow)!)]);

    public async Task DeleteRunAsync(string run)
    {
        await database.Metrics.WriteAsync(connection =>
        {
            using var transaction = connection.BeginTransaction();
            connection.Execute("DELETE FROM Metric WHERE Series IN (SELECT Id FROM Series WHERE Run = @run)", new { run }, transaction);
            connection.Execute("DELETE FROM Series WHERE Run = @run", new { run }, transaction);
            connection.Execute("DELETE FROM Event WHERE Run = @run", new { run }, transaction);
            transaction.Commit();
        });
        await database.State.WriteAsync(connection => connection.Execute("DELETE FROM Run WHERE Folder = @run", new { run }));
    }

    public Task PutDatasetAsync(DatasetProgress row) => database.State.WriteAsync(connection => connection.Execute(
        """
        INSERT INTO Dataset VALUES (@Folder, @Version, @json)
        ON CONFLICT (Folder) DO UPDATE SET Version = excluded.Version, Row = excluded.Row WHERE excluded.Version >= Dataset.Version
        """,
        new { row.Folder, row.Version, json = JsonSerializer.Serialize(row, PlatformJson.Default.DatasetProgress) }));

    public Task<IReadOnlyList<DatasetProgress>> ListDatasetsAsync() => database.State.ReadAsync<IReadOnlyList<DatasetProgress>>(connection =>
        [.. connection.Query<string>("SELECT Row FROM Dataset ORDER BY Folder")
            .Select(json => JsonSerializer.Deserialize(json, PlatformJson.Default.DatasetProgress)!)]);

    private static string Text<T>(T at)
        where T : IFormattable => at.ToString("O", CultureInfo.InvariantCulture);

    private static long SeriesOf(string run, int attempt, string name, DbConnection connection, DbTransaction transaction)
    {
        var key = new { run, attempt, name };
        const string find = "SELECT Id FROM Series WHERE Run = @run AND Attempt = @attempt AND Name = @name";
        return connection.ExecuteScalar<long?>(find, key, transaction)
            ?? connection.ExecuteScalar<long>("INSERT INTO Series (Run, Attempt, Name) VALUES (@run, @attempt, @name) RETURNING Id", key, transaction);
    }
}
