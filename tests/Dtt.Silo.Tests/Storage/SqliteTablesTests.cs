using Dtt.Abstractions;
using Dtt.Core.Runs;
using Dtt.Grains.Storage;
using Dtt.Silo.Storage;
using Dtt.Tests;
using Microsoft.Data.Sqlite;

namespace Dtt.Silo.Tests.Storage;

/// <summary>The tables on real files: what a repeated, an outdated and a refused write leave behind, and that no caller's thread waits for any.</summary>
public sealed class SqliteTablesTests : IDisposable
{
    private const string Run = "/runs/a";
    private static readonly TimeSpan _busyTimeout = TimeSpan.FromSeconds(1);
    private static readonly DateTimeOffset _at = new(2026, 3, 1, 12, 0, 0, 7, TimeSpan.Zero);
    private readonly TempFolder _folder = new();
    private readonly Database _database;
    private readonly IPlatformTables _tables;

    public SqliteTablesTests()
    {
        _database = Database.Open(_folder.Path, _busyTimeout);
        _tables = new SqliteTables(_database);
    }

    public void Dispose()
    {
        _database.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task EveryWriteTwice_LeavesWhatOneDoes()
    {
        NumberedEvent[] events = [new(1, new RunEvent(_at, "created", "a")), new(2, new RunEvent(_at.AddSeconds(1), "started", "b"))];
        for (var i = 0; i < 2; i++)
        {
            await _tables.AddMetricsAsync(Run, 1, [Row(1, ("train_loss", 4)), Row(2, ("train_loss", 3), ("val_loss", 3.5))]);
            await _tables.AddMetricsAsync(Run, 2, [Row(2, ("train_loss", 2.5))]);
            await _tables.AddEventsAsync(Run, events);
            await _tables.PutRunAsync(RunRow(Run, version: 1));
            await _tables.PutDatasetAsync(DatasetRow("/data/a", version: 1));
            await _tables.SyncMetricsAsync();
        }

        Assert.Equal([(1L, "train_loss", 4d), (2L, "train_loss", 3d), (2L, "val_loss", 3.5)], Flat(await _tables.ReadMetricsAsync(Run, 1)));
        Assert.Equal([(2L, 2.5)], await _tables.ReadSeriesAsync(Run, 2, "train_loss"));
        Assert.Equal(events.Select(e => e.Event), await _tables.ReadEventsAsync(Run));
        Assert.Equal(Run, Assert.Single(await _tables.ListRunsAsync()).Folder);
        Assert.Equal("/data/a", Assert.Single(await _tables.ListDatasetsAsync()).Folder);

        await _tables.PutRunAsync(RunRow("/runs/b", version: 1));
        await _tables.AddMetricsAsync("/runs/b", 1, [Row(1, ("train_loss", 9))]);
        for (var i = 0; i < 2; i++)
        {
            await _tables.DeleteRunAsync(Run);
            Assert.Null(await _tables.FindRunAsync(Run));
            Assert.Empty(await _tables.ReadMetricsAsync(Run, 1));
            Assert.Empty(await _tables.ReadEventsAsync(Run));
        }

        Assert.NotNull(await _tables.FindRunAsync("/runs/b"));
        Assert.Equal([(1L, 9d)], await _tables.ReadSeriesAsync("/runs/b", 1, "train_loss"));
    }

    [Fact]
    public async Task AKeyThatIsThere_IsLeftAlone()
    {
        await _tables.AddMetricsAsync(Run, 1, [Row(1, ("train_loss", 4))]);
        await _tables.AddMetricsAsync(Run, 1, [Row(1, ("train_loss", 5), ("val_loss", 6)), Row(2, ("train_loss", 3))]);
        Assert.Equal([(1L, "train_loss", 4d), (1L, "val_loss", 6d), (2L, "train_loss", 3d)], Flat(await _tables.ReadMetricsAsync(Run, 1)));

        await _tables.AddEventsAsync(Run, [new(1, new RunEvent(_at, "created", "first"))]);
        await _tables.AddEventsAsync(Run, [new(1, new RunEvent(_at, "created", "second")), new(2, new RunEvent(_at, "started", "third"))]);
        Assert.Equal(["first", "third"], (await _tables.ReadEventsAsync(Run)).Select(e => e.Message));
    }

    [Fact]
    public async Task AnIndexLine_IsReplacedByItsOwnAndLaterVersions_NeverByAnEarlierOne()
    {
        foreach (var (version, step) in new[] { (2L, 10L), (2L, 20L), (1L, 30L) })
        {
            await _tables.PutRunAsync(RunRow(Run, version) with { Step = step });
            await _tables.PutDatasetAsync(DatasetRow("/data/a", version) with { PiecesDone = (int)step });
        }

        Assert.Equal((2L, 20L), ((await _tables.FindRunAsync(Run))!.Version, (await _tables.FindRunAsync(Run))!.Step));
        var dataset = Assert.Single(await _tables.ListDatasetsAsync());
        Assert.Equal((2L, 20), (dataset.Version, dataset.PiecesDone));
    }

    [Fact]
    public async Task ValuesThatAreNotFinite_ComeBackAsTheyWere()
    {
        await _tables.AddMetricsAsync(Run, 1, [Row(1, ("a", double.NaN), ("b", double.PositiveInfinity), ("c", double.NegativeInfinity), ("d", 5e-324))]);
        await _tables.PutRunAsync(RunRow(Run, version: 1) with { TrainLoss = double.NaN });
        var values = Assert.Single(await _tables.ReadMetricsAsync(Run, 1)).Values;
        Assert.Equal([double.NaN, double.PositiveInfinity, double.NegativeInfinity, 5e-324], new[] { "a", "b", "c", "d" }.Select(n => values[n]));
        Assert.Equal([(1L, double.NaN)], await _tables.ReadSeriesAsync(Run, 1, "a"));
        Assert.Equal(double.NaN, (await _tables.FindRunAsync(Run))!.TrainLoss);
    }

    [Fact]
    public async Task WritesOfOneCaller_HappenInTheOrderOfTheCalls_WithoutAwaitingEach()
    {
        var writes = Enumerable.Range(1, 200).Select(i => _tables.PutRunAsync(RunRow(Run, version: 1) with { Step = i })).ToArray();
        await Task.WhenAll(writes);
        Assert.Equal(200, (await _tables.FindRunAsync(Run))!.Step);
    }

    [Fact]
    public async Task LockedDatabase_HoldsNoCallersThread_NorReaders_NorTheOtherFile()
    {
        await _tables.AddMetricsAsync(Run, 1, [Row(1, ("train_loss", 4))]);
        using var database = Database.Open(_folder.Path, TimeSpan.FromMinutes(5));
        IPlatformTables tables = new SqliteTables(database);
        Task[] writes;
        using (var other = Hold("metrics.db"))
        {
            writes =
            [
                tables.AddMetricsAsync(Run, 1, [Row(2, ("train_loss", 3))]),
                tables.AddEventsAsync(Run, [new(1, new RunEvent(_at, "created", "a"))]),
                tables.SyncMetricsAsync(),
                tables.DeleteRunAsync("/runs/b"),
            ];
            Assert.Single(await tables.ReadMetricsAsync(Run, 1));
            await tables.PutRunAsync(RunRow(Run, version: 1));
            Assert.All(writes, w => Assert.False(w.IsCompleted));
        }

        await Task.WhenAll(writes);
        Assert.Equal(2, (await tables.ReadMetricsAsync(Run, 1)).Count);
        Assert.Single(await tables.ReadEventsAsync(Run));
    }

    [Fact]
    public async Task LockedDatabase_FailsInWords_WithNothingHalfWritten()
    {
        await _tables.AddMetricsAsync(Run, 1, [Row(1, ("train_loss", 4))]);
        await _tables.PutRunAsync(RunRow(Run, version: 1));
        using (var other = Hold("metrics.db"))
        {
            Task[] writes =
            [
                _tables.AddMetricsAsync(Run, 1, [Row(2, ("train_loss", 3), ("val_loss", 3))]),
                _tables.AddEventsAsync(Run, [new(1, new RunEvent(_at, "created", "a"))]),
                _tables.DeleteRunAsync(Run),
            ];
            foreach (var write in writes)
            {
                var refused = await Assert.ThrowsAsync<IOException>(() => write);
                Assert.Contains($"{_folder["metrics.db"]} could not be read or written", refused.Message);
            }
        }

        Assert.Equal([(1L, "train_loss", 4d)], Flat(await _tables.ReadMetricsAsync(Run, 1)));
        Assert.Empty(await _tables.ReadEventsAsync(Run));
        Assert.NotNull(await _tables.FindRunAsync(Run)); // a run whose metrics stay is still in the index
        await _tables.AddMetricsAsync(Run, 1, [Row(2, ("train_loss", 3))]);
        Assert.Equal(2, (await _tables.ReadMetricsAsync(Run, 1)).Count);
    }

    [Fact]
    public async Task FullDatabase_FailsInWords_WithNothingHalfWritten()
    {
        await _tables.AddMetricsAsync(Run, 1, [Row(1, ("train_loss", 4))]);
        using (var connection = _database.Metrics.OpenConnection()) // the pool's connection, which the next write takes
        {
            using var limit = connection.CreateCommand();
            limit.CommandText = "PRAGMA max_page_count=1";
            Assert.True((long)limit.ExecuteScalar()! < 20, "the database has more pages than the test thinks");
        }

        var rows = Enumerable.Range(2, 20_000).Select(i => Row(i, ("train_loss", i))).ToList();
        var refused = await Assert.ThrowsAsync<IOException>(() => _tables.AddMetricsAsync(Run, 1, rows));
        Assert.Contains("SQLite Error 13", refused.Message);
        Assert.Null(refused.InnerException); // a client could not load its type
        Assert.Equal([(1L, "train_loss", 4d)], Flat(await _tables.ReadMetricsAsync(Run, 1)));
    }

    [Fact]
    public async Task SyncMetrics_BesideAReaderOfAnOlderState_WritesToTheLogAndDoesNotFail()
    {
        await _tables.AddMetricsAsync(Run, 1, [Row(1, ("train_loss", 4))]);
        await _tables.SyncMetricsAsync();
        using (var reader = Open("metrics.db"))
        {
            using var command = reader.CreateCommand();
            command.CommandText = "BEGIN; SELECT count(*) FROM Metric";
            command.ExecuteScalar();
            await _tables.AddMetricsAsync(Run, 1, [Row(2, ("train_loss", 3))]);
            var before = Log();
            await _tables.SyncMetricsAsync();
            Assert.NotEqual(before, Log()); // a commit of its own, which synchronous=FULL brings to the disk with all before it
        }

        string Log()
        {
            using var log = new FileStream(_folder["metrics.db-wal"], FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            return Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(log));
        }
    }

    [Fact]
    public async Task ConnectionsOfOrleansStorage_TakeTurnsWithTheIndex_OnTheSameFile()
    {
        Task write;
        await using (await _database.Pieces.OpenConnectionAsync(TestContext.Current.CancellationToken))
        {
            write = _tables.PutRunAsync(RunRow(Run, version: 1));
            var state = _database.Platform.OpenConnectionAsync(TestContext.Current.CancellationToken).AsTask();
            await _tables.AddMetricsAsync(Run, 1, [Row(1, ("train_loss", 4))]);
            Assert.False(write.IsCompleted || state.IsCompleted);
            _ = state.ContinueWith(s => s.Result.Dispose(), TestContext.Current.CancellationToken);
        }

        await write;
        await _tables.PutRunAsync(RunRow(Run, version: 2));
        Assert.Equal(2, (await _tables.FindRunAsync(Run))!.Version);
    }

    [Fact]
    public async Task CancelledRead_Ends()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _tables.ReadMetricsAsync(Run, 1, new CancellationToken(canceled: true)));
    }

    private static StepMetrics Row(long step, params (string Name, double Value)[] values) => new(step, values.ToDictionary(v => v.Name, v => v.Value));

    private static IEnumerable<(long, string, double)> Flat(IReadOnlyList<StepMetrics> rows) =>
        rows.SelectMany(r => r.Values.OrderBy(v => v.Key, StringComparer.Ordinal).Select(v => (r.Step, v.Key, v.Value)));

    private static RunRow RunRow(string folder, long version) => new()
    {
        Folder = folder,
        Run = Path.GetFileName(folder),
        State = RunState.Running,
        Step = 1,
        TotalSteps = 10,
        Tokens = 100,
        Attempts = 1,
        CreatedAt = _at,
        Version = version,
    };

    private static DatasetProgress DatasetRow(string folder, long version) => new()
    {
        Folder = folder,
        Dataset = "a",
        RawOnly = true,
        Stage = DatasetStage.Fetching,
        Pieces = 3,
        PiecesDone = 1,
        Notes = ["a note"],
        FailureCode = 0,
        Version = version,
    };

    /// <summary>Another program that has the file's write lock.</summary>
    private SqliteConnection Hold(string name)
    {
        var other = Open(name);
        using var command = other.CreateCommand();
        command.CommandText = "BEGIN IMMEDIATE";
        command.ExecuteNonQuery();
        return other;
    }

    private SqliteConnection Open(string name)
    {
        var connection = new SqliteConnection($"Data Source={_folder[name]};Pooling=false");
        connection.Open();
        return connection;
    }
}
