using System.Data.Common;
using System.Globalization;
using System.Text.Json;
using Dapper;
using Dtt.Abstractions;
using Dtt.Core.Runs;
using Dtt.Grains.Storage;
using Microsoft.Data.Sqlite;

namespace Dtt.Silo.Storage;

/// <summary>The platform's tables on SQLite.</summary>
internal sealed class SqliteTables(Database database) : IPlatformTables
{
    public void AddMetrics(string run, int attempt, IReadOnlyList<StepMetrics> rows) => Write(database.Metrics, connection =>
    {
        using var transaction = connection.BeginTransaction();
        using var insert = connection.CreateCommand();
        (insert.Transaction, insert.CommandText) = (transaction, "INSERT OR IGNORE INTO Metric VALUES (@series, @step, @value)");
        var (series, step, value) = (new SqliteParameter("@series", SqliteType.Integer), new SqliteParameter("@step", SqliteType.Integer), new SqliteParameter("@value", SqliteType.Real));
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

    public void SyncMetrics() => Write(database.Metrics, connection => connection.Execute("PRAGMA wal_checkpoint(PASSIVE)"));

    public IReadOnlyList<StepMetrics> ReadMetrics(string run, int attempt)
    {
        using var connection = database.Metrics.OpenConnection();
        var steps = new SortedDictionary<long, Dictionary<string, double>>();
        foreach (var (step, name, value) in connection.Query<(long, string, double?)>(
            "SELECT m.Step, s.Name, m.Value FROM Series s JOIN Metric m ON m.Series = s.Id WHERE s.Run = @run AND s.Attempt = @attempt", new { run, attempt }))
        {
            if (!steps.TryGetValue(step, out var values)) steps[step] = values = new(StringComparer.Ordinal);
            values[name] = value ?? double.NaN;
        }

        return [.. steps.Select(s => new StepMetrics(s.Key, s.Value))];
    }

    public IReadOnlyList<(long Step, double Value)> ReadSeries(string run, int attempt, string name)
    {
        using var connection = database.Metrics.OpenConnection();
        return [.. connection.Query<(long, double?)>(
            "SELECT m.Step, m.Value FROM Series s JOIN Metric m ON m.Series = s.Id WHERE s.Run = @run AND s.Attempt = @attempt AND s.Name = @name ORDER BY m.Step", new { run, attempt, name })
            .Select(r => (r.Item1, r.Item2 ?? double.NaN))];
    }

    public void AddEvents(string run, IReadOnlyList<NumberedEvent> events) => Write(database.Metrics, connection => connection.Execute(
        "INSERT OR IGNORE INTO Event VALUES (@run, @number, @at, @kind, @message)",
        events.Select(e => new { run, number = e.Number, at = e.Event.At.ToString("O", CultureInfo.InvariantCulture), kind = e.Event.Kind, message = e.Event.Message })));

    public IReadOnlyList<RunEvent> ReadEvents(string run)
    {
        using var connection = database.Metrics.OpenConnection();
        return [.. connection.Query<(string At, string Kind, string Message)>("SELECT At, Kind, Message FROM Event WHERE Run = @run ORDER BY Number", new { run })
            .Select(e => new RunEvent(DateTimeOffset.Parse(e.At, CultureInfo.InvariantCulture), e.Kind, e.Message))];
    }

    public void PutRun(RunRow row) => Write(database.Platform, connection => connection.Execute(
        "INSERT INTO Run VALUES (@Folder, @created, @Version, @json) ON CONFLICT DO UPDATE SET Version = excluded.Version, Row = excluded.Row, CreatedAt = excluded.CreatedAt WHERE excluded.Version >= Run.Version",
        new { row.Folder, created = row.CreatedAt.UtcDateTime.ToString("O", CultureInfo.InvariantCulture), row.Version, json = JsonSerializer.Serialize(row, PlatformJson.Default.RunRow) }));

    public RunRow? FindRun(string run)
    {
        using var connection = database.Platform.OpenConnection();
        return connection.QueryFirstOrDefault<string>("SELECT Row FROM Run WHERE Folder = @run", new { run }) is { } json ? JsonSerializer.Deserialize(json, PlatformJson.Default.RunRow) : null;
    }

    public IReadOnlyList<RunRow> ListRuns()
    {
        using var connection = database.Platform.OpenConnection();
        return [.. connection.Query<string>("SELECT Row FROM Run ORDER BY CreatedAt, Folder").Select(json => JsonSerializer.Deserialize(json, PlatformJson.Default.RunRow)!)];
    }

    public void DeleteRun(string run)
    {
        Write(database.Metrics, connection =>
        {
            using var transaction = connection.BeginTransaction();
            connection.Execute("DELETE FROM Metric WHERE Series IN (SELECT Id FROM Series WHERE Run = @run)", new { run }, transaction);
            connection.Execute("DELETE FROM Series WHERE Run = @run", new { run }, transaction);
            connection.Execute("DELETE FROM Event WHERE Run = @run", new { run }, transaction);
            transaction.Commit();
        });
        Write(database.Platform, connection => connection.Execute("DELETE FROM Run WHERE Folder = @run", new { run }));
    }

    public void PutDataset(DatasetProgress row) => Write(database.Platform, connection => connection.Execute(
        "INSERT INTO Dataset VALUES (@Folder, @Version, @json) ON CONFLICT DO UPDATE SET Version = excluded.Version, Row = excluded.Row WHERE excluded.Version >= Dataset.Version",
        new { row.Folder, row.Version, json = JsonSerializer.Serialize(row, PlatformJson.Default.DatasetProgress) }));

    public IReadOnlyList<DatasetProgress> ListDatasets()
    {
        using var connection = database.Platform.OpenConnection();
        return [.. connection.Query<string>("SELECT Row FROM Dataset ORDER BY Folder").Select(json => JsonSerializer.Deserialize(json, PlatformJson.Default.DatasetProgress)!)];
    }

    private static long SeriesOf(string run, int attempt, string name, DbConnection connection, DbTransaction transaction)
    {
        var key = new { run, attempt, name };
        const string find = "SELECT Id FROM Series WHERE Run = @run AND Attempt = @attempt AND Name = @name";
        return connection.ExecuteScalar<long?>(find, key, transaction)
            ?? connection.ExecuteScalar<long>($"INSERT OR IGNORE INTO Series (Run, Attempt, Name) VALUES (@run, @attempt, @name); {find}", key, transaction);
    }

    /// <summary>Grains and agents know a database that takes nothing as an input-output error, whatever it is.</summary>
    private static void Write(SqliteSource source, Action<DbConnection> write)
    {
        try
        {
            using var connection = source.OpenConnection();
            write(connection);
        }
        catch (SqliteException e)
        {
            throw new IOException($"{source.File}: {e.Message}", e);
        }
    }
}
