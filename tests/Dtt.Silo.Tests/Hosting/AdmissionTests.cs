using System.Net;
using System.Reflection;
using Dtt.Abstractions;
using Dtt.Core.Platform;
using Dtt.Silo.Hosting;
using Dtt.Silo.Storage;
using Dtt.Silo.Tests.Storage;
using Dtt.Tests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;
using Orleans.Configuration;

namespace Dtt.Silo.Tests.Hosting;

public sealed class AdmissionTests(PostgresFixture postgres)
{
    private static readonly TimeSpan _look = TimeSpan.FromMilliseconds(250);

    [Fact]
    public async Task SilentLives_AreWaitedOutTogether_BeforeTheServerEndsTheLock()
    {
        const int silent = 12;
        using var database = await PostgresDatabase.OpenAsync(PostgresAddress.Parse(await (await postgres.ServerAsync()).CreateDatabaseAsync())!);
        using var host = new HostBuilder().UseOrleans(silo => silo
            .Configure<ClusterOptions>(o => (o.ServiceId, o.ClusterId) = ("s", PlatformWire.ClusterId))
            .UseAdoNetClustering(o => (o.Invariant, o.DataSource) = (database.Invariant, database.State))).Build(); // never started: only its table is used
        var table = host.Services.GetRequiredService<IMembershipTable>();
        await table.InitializeMembershipTableAsync(tryInitTableVersion: true);
        foreach (var number in Enumerable.Range(1, silent))
            Assert.True(await table.InsertRowAsync(Elsewhere(number), (await table.ReadAllAsync()).Version.Next()));

        var (time, watched) = (new FakeTimeProvider(), DispatchProxy.Create<IMembershipTable, Watched>());
        ((Watched)(object)watched).Table = table;
        var check = new Admission(watched, database, Options(), time).CheckAsync();
        for (var look = 1; !check.IsCompleted; look++)
        {
            Assert.True(look * _look < JoinLock.LongestJoin, "they were waited out one after another");
            await Wait.ForAsync("a look at the table", () => check.IsCompleted || ((Watched)(object)watched).Looks >= look);
            time.Advance(_look);
        }

        await check;
        Assert.Equal(Enumerable.Repeat(SiloStatus.Dead, silent), (await table.ReadAllAsync()).Members.Select(m => m.Item1.Status));
    }

    /// <summary>A life on another machine, of which nobody knows whether it listens.</summary>
    private static MembershipEntry Elsewhere(int number) => new()
    {
        SiloAddress = SiloAddress.New(new IPEndPoint(IPAddress.Loopback, 12000 + number), number),
        SiloName = $"silo-{number}",
        HostName = "elsewhere",
        Status = SiloStatus.Active,
        StartTime = DateTime.UnixEpoch,
        IAmAliveTime = DateTime.UnixEpoch,
        SuspectTimes = [],
    };

    private static SiloOptionsFromEnvironment Options() => new()
    {
        Node = "a",
        Address = IPAddress.Loopback,
        IsCluster = true,
        IdleTime = null,
        DrainTime = TimeSpan.FromSeconds(1),
        GatewayPort = 1,
        SiloPort = 2,
        Build = "build",
        Store = "host/db",
    };

    /// <summary>The table, and how often all of it was looked at.</summary>
    public class Watched : DispatchProxy
    {
        private int _looks;

        public IMembershipTable Table { get; set; } = null!;

        public int Looks => Volatile.Read(ref _looks);

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            if (targetMethod!.Name == nameof(IMembershipTable.ReadAllAsync)) Interlocked.Increment(ref _looks);
            return targetMethod.Invoke(Table, args);
        }
    }
}
