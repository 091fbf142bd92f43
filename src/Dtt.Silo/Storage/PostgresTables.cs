using System.Globalization;
using System.Text;
using System.Text.Json;
using Dapper;
using Dtt.Abstractions;
using Dtt.Core.Runs;
using Dtt.Grains.Storage;
using Npgsql;

namespace Dtt.Silo.Storage;

/// <summary>
/// The platform's tables on PostgreSQL. Every write is one implicit transaction in one turn to the server and back, and synced when its task is done. Writes
/// about one run or dataset go one after the other in the order of the calls; those about others go beside them and share syncs.
/// </summary>
internal sealed class PostgresTables(PostgresSource source) : IPlatformTables
{
    private const string SeriesMetrics = "FROM Series s JOIN Metric m ON m.Series = s.Id WHERE s.Run = @run AND s.Attempt = @attempt";
    private const string LastSteps = """
        SELECT s.Attempt, max(m.Step) FROM Series s JOIN Metric m ON m.Series = s.Id WHERE s.Run = @run AND s.Name = @name GROUP BY s.Attempt
        """;
    private readonly SemaphoreSlim[] _turns = [.. Enumerable.Range(0, 8).Select(_ => new SemaphoreSlim(1))]; // half of the connections, at most

    public Task AddMetricsAsync(string run, int attempt, IReadOnlyList<StepMetrics> rows)
    {
        var values = rows.SelectMany(r => r.Values.Select(v => (Name: Storable(v.Key), r.Step, v.Value))).ToList();
        return WriteAsync(run,
            new("INSERT INTO Series (Run, Attempt, Name) SELECT $1, $2, v.name FROM unnest($3) AS v (name) WHERE NOT EXISTS "
                + "(SELECT 1 FROM Series s WHERE s.Run = $1 AND s.Attempt = $2 AND s.Name = v.name) ON CONFLICT DO NOTHING")
            {
                Parameters = { Of(run), Of(attempt), Of(values.Select(v => v.Name).Distinct().ToArray()) },
            },
            new("INSERT INTO Metric SELECT s.Id, v.step, v.value FROM unnest($3, $4, $5) WITH ORDINALITY AS v (name, step, value, place) "
                + "JOIN Series s ON s.Run = $1 AND s.Attempt = $2 AND s.Name = v.name ORDER BY v.place ON CONFLICT DO NOTHING")
            {
                Parameters =
                {
                    Of(run), Of(attempt), Of(values.Select(v => v.Name).ToArray()), Of(values.Select(v => v.Step).ToArray()),
                    Of(values.Select(v => v.Value).ToArray()),
                },
            });
    }

    /// <inheritdoc/>
    /// <remarks>Every write is synced already.</remarks>
    public Task SyncMetricsAsync() => Task.CompletedTask;

    public Task<IReadOnlyList<StepMetrics>> ReadMetricsAsync(string run, int attempt, CancellationToken cancellation) =>
        ReadAsync<IReadOnlyList<StepMetrics>>(async connection =>
        {
            const string query = $"SELECT m.Step, s.Name, m.Value {SeriesMetrics}";
            var steps = new SortedDictionary<long, Dictionary<string, double>>();
            await foreach (var (step, name, value) in connection.QueryUnbufferedAsync<(long, string, double)>(query, new { run, attempt }))
            {
                cancellation.ThrowIfCancellationRequested();
                if (!steps.TryGetValue(step, out var values)) steps[step] = values = new(StringComparer.Ordinal);
                values[name] = value;
            }

            return [.. steps.Select(s => new StepMetrics(s.Key, s.Value))];
        }, cancellation);

    public Task<IReadOnlyList<(long Step, double Value)>> ReadSeriesAsync(string run, int attempt, string name, CancellationToken cancellation) =>
        ReadAsync<IReadOnlyList<(long, double)>>(async connection =>
        [
            .. await connection.QueryAsync<(long, double)>(
                $"SELECT m.Step, m.Value {SeriesMetrics} AND s.Name = @name ORDER BY m.Step", new { run, attempt, name }),
        ], cancellation);

    public Task<(double Upto, double Beyond)> SumSeriesAsync(string run, int attempt, string name, long lastStep) =>
        ReadAsync(connection => connection.QuerySingleAsync<(double, double)>(
            $"SELECT coalesce(sum(CASE WHEN m.Step <= @lastStep THEN m.Value END), 0.0), coalesce(sum(CASE WHEN m.Step > @lastStep THEN m.Value END), 0.0) "
            + $"{SeriesMetrics} AND s.Name = @name AND m.Value <= @most",
            new { run, attempt, name, lastStep, most = double.MaxValue }));

    public Task<IReadOnlyDictionary<int, long>> ReadLastStepsAsync(string run, string name) =>
        ReadAsync<IReadOnlyDictionary<int, long>>(async connection => (await connection
            .QueryAsync<(int Attempt, long Step)>(LastSteps, new { run, name })).ToDictionary(r => r.Attempt, r => r.Step));

    public Task AddEventsAsync(string run, IReadOnlyList<NumberedEvent> events) => WriteAsync(run,
        new NpgsqlBatchCommand("INSERT INTO Event SELECT $1, * FROM unnest($2, $3, $4, $5) ON CONFLICT DO NOTHING")
        {
            Parameters =
            {
                Of(run), Of(events.Select(e => e.Number).ToArray()), Of(events.Select(e => Text(e.Event.At)).ToArray()),
                Of(events.Select(e => Storable(e.Event.Kind)).ToArray()), Of(events.Select(e => Storable(e.Event.Message)).ToArray()),
            },
        });

    public Task<IReadOnlyList<RunEvent>> ReadEventsAsync(string run, CancellationToken cancellation) =>
        ReadAsync<IReadOnlyList<RunEvent>>(async connection =>
            [.. (await connection.QueryAsync<(string At, string Kind, string Message)>(
                    "SELECT At, Kind, Message FROM Event WHERE Run = @run ORDER BY Number", new { run }))
                .Select(e => new RunEvent(DateTimeOffset.Parse(e.At, CultureInfo.InvariantCulture), e.Kind, e.Message))], cancellation);

    public Task PutRunAsync(RunRow row) => WriteAsync(row.Folder, new NpgsqlBatchCommand(
        """
        INSERT INTO Run VALUES ($1, $2, $3, $4)
        ON CONFLICT (Folder) DO UPDATE SET Version = excluded.Version, Row = excluded.Row, CreatedAt = excluded.CreatedAt WHERE excluded.Version >= Run.Version
        """)
    {
        Parameters = { Of(row.Folder), Of(Text(row.CreatedAt.UtcDateTime)), Of(row.Version), Of(JsonSerializer.Serialize(row, PlatformJson.Default.RunRow)) },
    });

    public Task<RunRow?> FindRunAsync(string run) => ReadAsync(async connection =>
        await connection.QueryFirstOrDefaultAsync<string>("SELECT Row FROM Run WHERE Folder = @run", new { run }) is { } json
            ? JsonSerializer.Deserialize(json, PlatformJson.Default.RunRow) : null);

    public Task<IReadOnlyList<RunRow>> ListRunsAsync() => ReadAsync<IReadOnlyList<RunRow>>(async connection =>
        [.. (await connection.QueryAsync<string>("SELECT Row FROM Run ORDER BY CreatedAt, Folder"))
            .Select(json => JsonSerializer.Deserialize(json, PlatformJson.Default.RunRow)!)]);

    public Task DeleteRunAsync(string run) => WriteAsync(run,
        new("DELETE FROM Metric WHERE Series IN (SELECT Id FROM Series WHERE Run = $1)") { Parameters = { Of(run) } },
        new("DELETE FROM Series WHERE Run = $1") { Parameters = { Of(run) } },
        new("DELETE FROM Event WHERE Run = $1") { Parameters = { Of(run) } },
        new("DELETE FROM Run WHERE Folder = $1") { Parameters = { Of(run) } });

    public Task PutDatasetAsync(DatasetProgress row) => WriteAsync(row.Folder, new NpgsqlBatchCommand(
        """
        INSERT INTO Dataset VALUES ($1, $2, $3)
        ON CONFLICT (Folder) DO UPDATE SET Version = excluded.Version, Row = excluded.Row WHERE excluded.Version >= Dataset.Version
        """)
    {
        Parameters = { Of(row.Folder), Of(row.Version), Of(JsonSerializer.Serialize(row, PlatformJson.Default.DatasetProgress)) },
    });

    public Task<IReadOnlyList<DatasetProgress>> ListDatasetsAsync() => ReadAsync<IReadOnlyList<DatasetProgress>>(async connection =>
        [.. (await connection.QueryAsync<string>("SELECT Row FROM Dataset ORDER BY Folder"))
            .Select(json => JsonSerializer.Deserialize(json, PlatformJson.Default.DatasetProgress)!)]);

    private static string Text<T>(T at)
        where T : IFormattable => at.ToString("O", CultureInfo.InvariantCulture);

    /// <summary>PostgreSQL's text has no NUL, and no half of a surrogate pair; a rank's last words may.</summary>
    private static string Storable(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)).Replace('\0', '\uFFFD');

    private static NpgsqlParameter<T> Of<T>(T value) => new() { TypedValue = value };

    /// <summary>Executes all statements or none, when the calls before about the same run or dataset are done.</summary>
    private Task WriteAsync(string about, params NpgsqlBatchCommand[] statements)
    {
        var turns = _turns[(uint)about.GetHashCode(StringComparison.Ordinal) % _turns.Length];
        var turn = turns.WaitAsync();
        return Task.Run(async () =>
        {
            await turn;
            try
            {
                return await UseAsync(async connection =>
                {
                    await using var batch = new NpgsqlBatch(connection);
                    foreach (var statement in statements) batch.BatchCommands.Add(statement);
                    return await batch.ExecuteNonQueryAsync();
                }, CancellationToken.None);
            }
            finally
            {
                turns.Release();
            }
        });
    }

    private Task<T> ReadAsync<T>(Func<NpgsqlConnection, Task<T>> read, CancellationToken cancellation = default) =>
        Task.Run(() => UseAsync(read, cancellation), cancellation);

    private async Task<T> UseAsync<T>(Func<NpgsqlConnection, Task<T>> use, CancellationToken cancellation)
    {
        try
        {
            await using var connection = (NpgsqlConnection)await source.OpenConnectionAsync(cancellation);
            return await use(connection);
        }
        catch (NpgsqlException e)
        {
            throw source.Failure(e);
        }
    }
}
