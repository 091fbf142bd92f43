using System.Net;
using Dtt.Core.Platform;
using Dtt.Silo.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;
using Orleans.Messaging;

namespace Dtt.Silo.Tests.Storage;

/// <summary>Orleans' own membership table over the schema: each change and the table's version together, or not at all.</summary>
public sealed class PostgresMembershipTests(PostgresFixture postgres) : IAsyncLifetime
{
    private static readonly DateTime _at = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);
    private Database _database = null!;
    private IHost? _host;
    private IMembershipTable _table = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await PostgresDatabase.OpenAsync(PostgresAddress.Parse(await (await postgres.ServerAsync()).CreateDatabaseAsync())!);
        _host = new HostBuilder().UseOrleans(silo => silo
            .Configure<ClusterOptions>(o => (o.ServiceId, o.ClusterId) = ("s", "c"))
            .UseAdoNetClustering(o => (o.Invariant, o.DataSource) = (_database.Invariant, _database.State))).Build(); // never started: only its table is used
        _table = _host.Services.GetRequiredService<IMembershipTable>();
        await _table.InitializeMembershipTableAsync(tryInitTableVersion: true);
    }

    public ValueTask DisposeAsync()
    {
        _host?.Dispose();
        _database?.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task ASilosRow_GoesRound_AndEveryChangeAdvancesTheVersion()
    {
        await _table.InitializeMembershipTableAsync(tryInitTableVersion: true);
        var empty = await _table.ReadAllAsync();
        Assert.Empty(empty.Members);
        Assert.True(await _table.InsertRowAsync(Silo(1), empty.Version.Next()));
        var read = await _table.ReadAllAsync();
        Assert.Equal(empty.Version.Version + 1, read.Version.Version);
        var row = Assert.Single(read.Members).Item1;
        Assert.Equal(("silo-1", SiloStatus.Joining, 30001, _at), (row.SiloName, row.Status, row.ProxyPort, row.StartTime));

        row.Status = SiloStatus.Active;
        row.SuspectTimes = [Tuple.Create(Silo(2).SiloAddress, _at)];
        Assert.True(await _table.UpdateRowAsync(row, read.Members[0].Item2, read.Version.Next()));
        await _table.UpdateIAmAliveAsync(new MembershipEntry { SiloAddress = row.SiloAddress, IAmAliveTime = _at.AddMinutes(5) });
        var one = await _table.ReadRowAsync(row.SiloAddress);
        Assert.Equal(empty.Version.Version + 2, one.Version.Version); // being alive is no change
        var alive = Assert.Single(one.Members).Item1;
        Assert.Equal((SiloStatus.Active, _at.AddMinutes(5)), (alive.Status, alive.IAmAliveTime));
        Assert.Equal(Silo(2).SiloAddress, Assert.Single(alive.SuspectTimes!).Item1);
        Assert.Empty((await _table.ReadRowAsync(Silo(9).SiloAddress)).Members);
    }

    [Fact]
    public async Task AChangeFromAnOldVersion_OrOfARowThatIsThereOrGone_ChangesNothing()
    {
        var empty = await _table.ReadAllAsync();
        Assert.True(await _table.InsertRowAsync(Silo(1), empty.Version.Next()));
        Assert.False(await _table.InsertRowAsync(Silo(2), empty.Version.Next()));
        var read = await _table.ReadAllAsync();
        Assert.False(await _table.InsertRowAsync(Silo(1), read.Version.Next()));
        Assert.False(await _table.UpdateRowAsync(Silo(9), "0", read.Version.Next()));
        Assert.False(await _table.UpdateRowAsync(Silo(1), read.Members[0].Item2, empty.Version.Next()));
        Assert.Equal(read.Version.Version, (await _table.ReadAllAsync()).Version.Version);
        Assert.Single((await _table.ReadAllAsync()).Members);
    }

    [Fact]
    public async Task OfManyChangesAtOnce_OneWins()
    {
        var next = (await _table.ReadAllAsync()).Version.Next();
        var inserted = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => _table.InsertRowAsync(Silo(i), next))));
        Assert.Single(inserted, done => done);
        var read = await _table.ReadAllAsync();
        Assert.Equal(next.Version, read.Version.Version);
        var (entry, tag) = Assert.Single(read.Members);
        entry.Status = SiloStatus.Dead;
        var updated = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => _table.UpdateRowAsync(entry, tag, read.Version.Next()))));
        Assert.Single(updated, done => done);
        Assert.Equal(next.Version + 1, (await _table.ReadAllAsync()).Version.Version);
    }

    [Fact]
    public async Task Gateways_AreTheActiveOnes_AndDefunctRowsGo()
    {
        foreach (var i in new[] { 1, 2, 3 }) Assert.True(await _table.InsertRowAsync(Silo(i), (await _table.ReadAllAsync()).Version.Next()));
        foreach (var (i, status) in new[] { (1, SiloStatus.Active), (2, SiloStatus.Dead) })
        {
            var silo = Silo(i);
            silo.Status = status;
            var read = await _table.ReadAllAsync();
            Assert.True(await _table.UpdateRowAsync(silo, read.TryGet(silo.SiloAddress)!.Item2, read.Version.Next()), $"{silo} {read}");
        }

        using var client = new HostBuilder().UseOrleansClient(c => c
            .Configure<ClusterOptions>(o => (o.ServiceId, o.ClusterId) = ("s", "c"))
            .UseAdoNetClustering(o => (o.Invariant, o.DataSource) = (_database.Invariant, _database.State))).Build();
        var gateways = client.Services.GetRequiredService<IGatewayListProvider>();
        await gateways.InitializeGatewayListProvider();
        Assert.Equal(30001, Assert.Single(await gateways.GetGateways()).Port);

        await _table.CleanupDefunctSiloEntriesAsync(_at.AddMinutes(1));
        Assert.Equal("silo-1", Assert.Single((await _table.ReadAllAsync()).Members).Item1.SiloName);
        await _table.DeleteMembershipTableEntriesAsync("c");
        await _table.InitializeMembershipTableAsync(tryInitTableVersion: true);
        Assert.Empty((await _table.ReadAllAsync()).Members);
    }

    private static MembershipEntry Silo(int number) => new()
    {
        SiloAddress = SiloAddress.New(new IPEndPoint(IPAddress.Loopback, 20000 + number), number),
        SiloName = $"silo-{number}",
        HostName = "host",
        Status = SiloStatus.Joining,
        ProxyPort = 30000 + number,
        StartTime = _at,
        IAmAliveTime = _at,
        SuspectTimes = [],
    };
}
