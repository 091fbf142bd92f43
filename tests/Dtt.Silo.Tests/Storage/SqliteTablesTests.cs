using Dtt.Core.Runs;
using Dtt.Silo.Storage;
using Microsoft.Data.Sqlite;

namespace Dtt.Silo.Tests.Storage;

/// <summary>The tables on real files, and what a refused write leaves behind; no caller's thread waits for any.</summary>
public sealed class SqliteTablesTests : PlatformTablesTests
{
    private static readonly TimeSpan _busyTimeout = TimeSpan.FromSeconds(1);

    private SqliteDatabase Sqlite => (SqliteDatabase)_database;

    [Fact]
    public async Task LockedDatabase_HoldsNoCallersThread_NorReaders_NorTheOtherFile()
    {
        await _tables.AddMetricsAsync(Run, 1, [Row(1, ("train_loss", 4))]);
        using var database = SqliteDatabase.Open(_folder.Path, TimeSpan.FromMinutes(5));
        var tables = database.Tables;
        Task[] writes;
        using (var other = Hold("metrics.db"))
        {
            writes =
            [
                tables.AddMetricsAsync(Run, 1, [Row(2, ("train_loss", 3))]),
                tables.AddEventsAsync(Run, [new(1, new RunEvent(At, "created", "a"))]),
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
                _tables.AddEventsAsync(Run, [new(1, new RunEvent(At, "created", "a"))]),
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
        using (var connection = Sqlite.Metrics.OpenConnection()) // the pool's connection, which the next write takes
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
        await using (await Sqlite.Pieces.OpenConnectionAsync(TestContext.Current.CancellationToken))
        {
            write = _tables.PutRunAsync(RunRow(Run, version: 1));
            var state = Sqlite.State.OpenConnectionAsync(TestContext.Current.CancellationToken).AsTask();
            await _tables.AddMetricsAsync(Run, 1, [Row(1, ("train_loss", 4))]);
            Assert.False(write.IsCompleted || state.IsCompleted);
            _ = state.ContinueWith(s => s.Result.Dispose(), TestContext.Current.CancellationToken);
        }

        await write;
        await _tables.PutRunAsync(RunRow(Run, version: 2));
        Assert.Equal(2, (await _tables.FindRunAsync(Run))!.Version);
    }

    private protected override Task<Database> OpenAsync() => Task.FromResult<Database>(SqliteDatabase.Open(_folder.Path, _busyTimeout));

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
