using Dtt.Abstractions;
using Dtt.Core.Platform;
using Dtt.Core.Security;
using Dtt.Grains.Experiments;
using Dtt.Grains.Storage;
using Dtt.Silo.Hosting;
using Dtt.Silo.Storage;
using Dtt.Tests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Storage;

namespace Dtt.Silo.Tests.Storage;

/// <summary>Grain state and reminders by Orleans' own storage, in a real silo over a real database of each kind.</summary>
public abstract class StateStorageTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private IHost? _silo;

    private protected Database Database { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        var folders = PlatformFolders.Make(_folder["home"], null, () => "");
        Database = await OpenAsync(folders);
        _silo = await SiloHost.StartAsync(folders, Database, PlatformCertificates.Load(folders.TlsFolder));
    }

    public async ValueTask DisposeAsync()
    {
        if (_silo is not null) await _silo.StopAsync();
        _silo?.Dispose();
        Database?.Dispose();
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    [Theory]
    [InlineData(StateStorage.Provider)]
    [InlineData(StateStorage.PieceProvider)]
    public async Task State_GoesRound_AndAWriteOfAnOldVersionIsAConflict(string provider)
    {
        var storage = Storage(provider);
        var type = GrainType.Create("g");
        IdSpan[] keys = [IdSpan.Create("/runs/ö"), GrainIdKeyExtensions.CreateIntegerKey(7), GrainIdKeyExtensions.CreateGuidKey(Guid.NewGuid(), "e")];
        foreach (var grain in keys.Select(k => GrainId.Create(type, k)))
        {
            var (mine, theirs) = (new GrainState<ExperimentState>(), new GrainState<ExperimentState>());
            await storage.ReadStateAsync("s", grain, mine);
            await storage.ReadStateAsync("s", grain, theirs);
            Assert.False(mine.RecordExists);

            mine.State = new ExperimentState { BaseConfigYaml = "a: 'é'\n", Runs = ["/runs/a"] };
            await storage.WriteStateAsync("s", grain, mine);
            theirs.State = new ExperimentState { BaseConfigYaml = "second" };
            await Assert.ThrowsAsync<InconsistentStateException>(() => storage.WriteStateAsync("s", grain, theirs)); // both believed that there was none

            await storage.ReadStateAsync("s", grain, theirs);
            Assert.Equal(("a: 'é'\n", mine.ETag), (theirs.State.BaseConfigYaml, theirs.ETag));
            await storage.WriteStateAsync("s", grain, theirs);
            await Assert.ThrowsAsync<InconsistentStateException>(() => storage.WriteStateAsync("s", grain, mine));
            await Assert.ThrowsAsync<InconsistentStateException>(() => storage.ClearStateAsync("s", grain, mine));

            var outcomes = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
            {
                var one = new GrainState<ExperimentState>(theirs.State, theirs.ETag) { RecordExists = true };
                try
                {
                    await storage.WriteStateAsync("s", grain, one);
                    return one;
                }
                catch (InconsistentStateException)
                {
                    return null;
                }
            })));
            var winner = Assert.Single(outcomes, o => o is not null)!;
            await storage.ClearStateAsync("s", grain, winner);
            await storage.ReadStateAsync("s", grain, mine);
            Assert.Equal("", mine.State.BaseConfigYaml);
        }
    }

    [Fact]
    public async Task Reminders_AreKeptByTheirRange_AndGoByTheirTag()
    {
        var table = _silo!.Services.GetRequiredService<IReminderTable>();
        var grain = GrainId.Create("g", "/runs/ö");
        var entry = new ReminderEntry
        {
            GrainId = grain,
            ReminderName = "r",
            StartAt = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc),
            Period = TimeSpan.FromDays(40),
        };
        var first = (await table.UpsertRow(entry))!;
        var second = (await table.UpsertRow(entry))!;
        Assert.NotEqual(first, second);
        var read = (await table.ReadRow(grain, "r"))!;
        Assert.Equal((entry.StartAt, entry.Period, second), (read.StartAt, read.Period, read.ETag));
        Assert.Single((await table.ReadRows(grain)).Reminders);
        var hash = grain.GetUniformHashCode();
        Assert.Single((await table.ReadRows(hash - 1, hash)).Reminders);
        Assert.Empty((await table.ReadRows(hash, hash + 1)).Reminders);
        Assert.Empty((await table.ReadRows(hash, hash - 1)).Reminders);
        Assert.False(await table.RemoveRow(grain, "r", first));
        Assert.True(await table.RemoveRow(grain, "r", second));
        Assert.Empty((await table.ReadRows(grain)).Reminders);
    }

    private protected IGrainStorage Storage(string provider) => _silo!.Services.GetRequiredKeyedService<IGrainStorage>(provider);

    private protected abstract Task<Database> OpenAsync(PlatformFolders folders);
}

/// <summary>On SQLite.</summary>
public sealed class SqliteStateStorageTests : StateStorageTests
{
    private protected override Task<Database> OpenAsync(PlatformFolders folders) => Database.OpenAsync(folders, postgres: null);
}

/// <summary>On PostgreSQL.</summary>
public sealed class PostgresStateStorageTests(PostgresFixture postgres) : StateStorageTests
{
    [Fact]
    public async Task Write_WithoutAnAnswer_MayComeThrough_AndOneThatTheServerRefusedMayNot()
    {
        var (storage, grain, state) = (Storage(StateStorage.Provider), GrainId.Create("g", "k"), new GrainState<ExperimentState>(new ExperimentState()));
        await storage.WriteStateAsync("s", grain, state);
        await using var other = await Database.State.OpenConnectionAsync();
        await using (var transaction = await other.BeginTransactionAsync())
        {
            await SayAsync("LOCK TABLE GrainState");
            Assert.True((await Assert.ThrowsAsync<StorageUnavailableException>(() => storage.WriteStateAsync("s", grain, state))).MayComeThrough);
        }

        await SayAsync("ALTER TABLE GrainState ADD CHECK (false) NOT VALID");
        Assert.False((await Assert.ThrowsAsync<StorageUnavailableException>(() => storage.WriteStateAsync("s", grain, state))).MayComeThrough);

        async Task SayAsync(string text)
        {
            await using var command = other.CreateCommand();
            command.CommandText = text;
            await command.ExecuteNonQueryAsync();
        }
    }

    private protected override async Task<Database> OpenAsync(PlatformFolders folders) =>
        await Database.OpenAsync(folders, PostgresAddress.Parse($"{await (await postgres.ServerAsync()).CreateDatabaseAsync()}?Command%20Timeout=4"));
}
