using System.Diagnostics;
using Dapper;
using Dtt.Core.Platform;
using Dtt.Silo.Storage;
using Dtt.Tests;

namespace Dtt.Silo.Tests.Storage;

/// <summary>The tables on a real server, and what its death and its silence leave behind.</summary>
public sealed class PostgresTablesTests(PostgresFixture postgres) : PlatformTablesTests
{
    [Fact]
    public async Task AServerKilledAmidWrites_LosesNothingThatWasAnswered_AndNothingStandsTwice()
    {
        await using var server = await PostgresServer.StartAsync();
        using var database = await PostgresDatabase.OpenAsync(PostgresAddress.Parse(await server.CreateDatabaseAsync())!);
        var (answered, failed, stop) = (new List<long>(), 0, false);
        async Task WriteAsync()
        {
            for (var step = 1L; !stop; step++)
            {
                try
                {
                    await database.Tables.AddMetricsAsync(Run, 1, [Row(step, ("train_loss", step), ("grad_norm", 1))]);
                    answered.Add(step);
                }
                catch (IOException e)
                {
                    Assert.Contains($"PostgreSQL at 127.0.0.1:{server.Port}/", e.Message);
                    Assert.DoesNotContain(PostgresServer.Password, e.Message);
                    Assert.Null(e.InnerException);
                    failed++;
                    step--;
                }
            }
        }

        var writes = WriteAsync();
        for (var kill = 0; kill < 3; kill++)
        {
            var before = answered.Count;
            await Wait.ForAsync("writes", () => answered.Count > before + 50);
            await server.KillAsync();
            before = failed;
            await Wait.ForAsync("a write that fails", () => failed > before);
            await server.RestartAsync();
        }

        var last = answered.Count;
        await Wait.ForAsync("writes after the last restart", () => answered.Count > last + 5);
        stop = true;
        await writes;
        Assert.Equal(answered, (await database.Tables.ReadMetricsAsync(Run, 1)).Select(r => r.Step));
        Assert.Equal(answered.Count * 2, int.Parse(await server.SqlAsync(NameOf(database), "SELECT count(*) FROM dtt.Metric")));
    }

    [Fact]
    public async Task AServerRestartedWhileNobodyAsks_IsNoError()
    {
        await using var server = await PostgresServer.StartAsync();
        using var database = await PostgresDatabase.OpenAsync(PostgresAddress.Parse(await server.CreateDatabaseAsync())!);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => database.Tables.PutRunAsync(RunRow($"/runs/{i}", version: 1))));
        await server.KillAsync();
        await server.RestartAsync();
        Assert.Equal(20, (await database.Tables.ListRunsAsync()).Count);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => database.Tables.PutRunAsync(RunRow($"/runs/{i}", version: 2))));
        Assert.All(await database.Tables.ListRunsAsync(), r => Assert.Equal(2, r.Version));
    }

    [Fact]
    public async Task AServerThatSaysNothing_FailsWithinTheTimeout_AndGoesOnWhenItSpeaksAgain()
    {
        await using var server = await PostgresServer.StartAsync();
        using var database = await PostgresDatabase.OpenAsync(PostgresAddress.Parse(await server.CreateDatabaseAsync())!);
        await database.Tables.PutRunAsync(RunRow(Run, version: 1));
        await server.SignalAsync("STOP");
        try
        {
            var clock = Stopwatch.StartNew();
            var write = database.Tables.PutRunAsync(RunRow(Run, version: 2));
            Assert.False(write.IsCompleted);
            await Assert.ThrowsAsync<IOException>(() => write);
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(25), $"it took {clock.Elapsed}");
        }
        finally
        {
            await server.SignalAsync("CONT");
        }

        await Wait.UntilAsync("an answer", async () =>
        {
            try
            {
                await database.Tables.PutRunAsync(RunRow(Run, version: 3));
                return true;
            }
            catch (IOException)
            {
                return false;
            }
        });
        Assert.Equal(3, (await database.Tables.FindRunAsync(Run))!.Version);
    }

    [Fact]
    public async Task ManyCallers_ShareSixteenConnections_AndEveryWriteIsSynced()
    {
        await Task.WhenAll(Enumerable.Range(0, 300).Select(i => i % 2 == 0
            ? _tables.PutRunAsync(RunRow($"/runs/{i}", version: 1)) : _tables.ReadEventsAsync(Run, TestContext.Current.CancellationToken)));
        var server = await postgres.ServerAsync();
        var connections = int.Parse(await server.SqlAsync("postgres", $"SELECT count(*) FROM pg_stat_activity WHERE datname = '{NameOf(_database)}'"));
        Assert.InRange(connections, 1, 16);
        await using var connection = await _database.State.OpenConnectionAsync(TestContext.Current.CancellationToken);
        Assert.Equal("on", await connection.ExecuteScalarAsync<string>("SHOW synchronous_commit")); // the server's default is off here
    }

    /// <summary>A node that loses its power closes no connection: without this the server keeps its sessions, and their locks, for hours.</summary>
    [Fact]
    public async Task Server_LooksWhetherASiloIsStillThere()
    {
        await using var connection = await _database.State.OpenConnectionAsync(TestContext.Current.CancellationToken);
        var seconds = new List<int>();
        foreach (var setting in new[] { "idle", "interval", "count" })
            seconds.Add(int.Parse(await connection.ExecuteScalarAsync<string>($"SHOW tcp_keepalives_{setting}") ?? ""));
        Assert.InRange(seconds[0] + seconds[1] * seconds[2], 1, 60);
    }

    private protected override async Task<Database> OpenAsync() =>
        await PostgresDatabase.OpenAsync(PostgresAddress.Parse(await (await postgres.ServerAsync()).CreateDatabaseAsync())!);

    private static string NameOf(Database database) => new Npgsql.NpgsqlConnectionStringBuilder(database.State.ConnectionString).Database!;
}
