using System.Data.Common;
using System.Net;
using System.Net.Sockets;
using Dtt.Abstractions;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Core.Security;
using Dtt.Grains.Agents;
using Dtt.Grains.Alerts;
using Dtt.Grains.Storage;
using Dtt.Grains.Telemetry;
using Dtt.Silo.Agent;
using Dtt.Silo.Alerts;
using Dtt.Silo.Datasets;
using Dtt.Silo.Ranks;
using Dtt.Silo.Storage;
using Dtt.Silo.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Orleans.Configuration;
using Orleans.Storage;

namespace Dtt.Silo.Hosting;

/// <summary>The silo of one machine: exactly one per user and state folder; on loopback unless it is a node of a cluster.</summary>
internal static class SiloHost
{
    private const int MostTries = 5;

    /// <summary>Starts a silo. A free port that another program takes between its choice and its use is replaced by another.</summary>
    /// <exception cref="UserErrorException">The database fails, or the other silos cannot be joined: it may be tried again.</exception>
    public static async Task<IHost> StartAsync(PlatformFolders folders, Database database, PlatformCertificates certificates)
    {
        for (var tries = MostTries; ; tries--)
        {
            // A port that the user named is refused here, with its name, when it is taken.
            var options = SiloOptionsFromEnvironment.Read();
            await HomeStore.RequireOneAsync(folders, options);
            var host = Build(folders, options, database, certificates);
            try
            {
                await using var joining = database is PostgresDatabase ? await JoinLock.TakeAsync(database, options, TimeProvider.System) : null;
                if (joining is not null) await host.Services.GetRequiredService<Admission>().CheckAsync();
                await host.StartAsync();
                return host;
            }
            catch (Exception e) when (tries > 1 && IsTakenPort(e))
            {
                host.Dispose();
            }
            catch (Exception e) when (StorageFailures.DatabaseErrorIn(e) is { } error)
            {
                host.Dispose();
                throw new UserErrorException(database.Failure(error).Message, ExitCodes.Requeue, inner: e);
            }
            catch (Exception e) when (database is PostgresDatabase && e is OrleansException or TimeoutException)
            {
                host.Dispose();
                throw new UserErrorException($"the silo cannot join the platform in PostgreSQL at {options.Store}: "
                    + $"{e.Message.TrimEnd('.')}. See `dtt nodes`: do all nodes reach each other's silo ports? Start it again.", ExitCodes.Requeue, inner: e);
            }
        }
    }

    private static bool IsTakenPort(Exception e) =>
        e is SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse } || (e.InnerException is { } inner && IsTakenPort(inner))
        || (e is AggregateException many && many.InnerExceptions.Any(IsTakenPort));

    /// <summary>Puts everything together.</summary>
    private static IHost Build(PlatformFolders folders, SiloOptionsFromEnvironment options, Database database, PlatformCertificates certificates)
    {
        var clients = new ClientCount();
        var builder = new HostBuilder();
        builder.ConfigureLogging(logging => logging
            .AddSimpleConsole(c => (c.SingleLine, c.TimestampFormat, c.ColorBehavior) = (true, "yyyy-MM-dd HH:mm:ss.fff ", LoggerColorBehavior.Disabled))
            .SetMinimumLevel(LogLevel.Warning)
            .AddFilter("Dtt", LogLevel.Information)
            .AddFilter("Orleans.Runtime.Silo", LogLevel.Error) // it wants a server's garbage collector
            .AddFilter("Orleans.Runtime.Watchdog", LogLevel.Error)); // it takes the time before a cold start for a stall
        builder.ConfigureServices(services => services
            .AddSingleton(folders).AddSingleton(options).AddSingleton(database).AddSingleton(clients)
            .AddSingleton(TimeProvider.System)
            .AddSingleton(database.Tables)
            .AddSingleton<INodeAgents, NodeAgents>()
            .AddSingleton(certificates).AddSingleton(new NodeAddress(options.Address.ToString()))
            .AddSingleton<RankHost>().AddSingleton<JobHost>().AddSingleton<ShardWorker>().AddSingleton<OrphanRuns>()
            .AddSingleton<Announcement>().AddSingleton<SiloLife>().AddSingleton<OpenWork>().AddSingleton<Admission>().AddSingleton<Refusals>()
            .AddSingleton<AlertQueue>().AddSingleton(new AlertDelivery(TimeSpan.FromSeconds(2), TimeProvider.System)).AddHostedService<AlertSender>()
            .AddSingleton<RunMeter>()
            .AddSingleton<IFatalErrorHandler, DeclaredDead>()
            .AddSingleton<ILifecycleParticipant<ISiloLifecycle>, SiloDeaths>()
            .Configure<HostOptions>(o => o.ShutdownTimeout = options.DrainTime + TimeSpan.FromSeconds(30)));
        builder.UseOpenTelemetry(options);
        builder.UseOrleans(silo => UseMembership(silo, options, database)
            .ConfigureEndpoints(options.Address, options.SiloPort, options.GatewayPort)
            .Configure<ClusterOptions>(o => (o.ServiceId, o.ClusterId) = (PlatformWire.ServiceId, PlatformWire.ClusterId))
            .Configure<SiloOptions>(o => o.SiloName = options.Node)
            .AddStorage(StateStorage.Provider, database, database.State)
            .AddStorage(StateStorage.PieceProvider, database, database.Pieces)
            .UseAdoNetReminderService(o => (o.Invariant, o.DataSource) = (database.Invariant, database.State))
            .AddIncomingGrainCallFilter<StorageFailures>()
            .AddGrainService<NodeAgent>()
            .AddStartupTask<Announcer>()
            .Services.AddPlatformWire(GrainJson.Default));

        builder.ConfigureServices(services => services.AddOptions<SiloConnectionOptions>().Configure<Refusals>((o, refusals) =>
        {
            var (ours, theirs) = (certificates.Silo, certificates.Client);
            o.ConfigureSiloInboundConnection(c => c.UseTls((plain, closed) => TlsPipe.AcceptAsync(plain, ours, ours, closed), refused: refusals.Note));
            o.ConfigureSiloOutboundConnection(c => c.UseTls((plain, closed) => TlsPipe.ConnectAsync(plain, ours, ours, closed)));
            o.ConfigureGatewayInboundConnection(c => c.UseTls(
                (plain, closed) => TlsPipe.AcceptAsync(plain, ours, theirs, closed), clients.Change, refusals.Note));
        }));

        // Added last, so it is the first to end: ranks save while the silo still answers.
        builder.ConfigureServices(services => services.AddHostedService(s => s.GetRequiredService<SiloLife>()));
        return builder.Build();
    }

    /// <summary>
    /// Who belongs to the platform. A silo on SQLite is alone; those on one PostgreSQL keep their membership there. Each probes others every second: one that
    /// misses three, and says nothing else for three times the longest probe, is dead when two say so, or the only other one. A silo also writes that it
    /// lives, so that after a crash of all nobody waits for the old ones.
    /// </summary>
    private static ISiloBuilder UseMembership(ISiloBuilder silo, SiloOptionsFromEnvironment options, Database database)
    {
        if (database is not PostgresDatabase) return silo.UseDevelopmentClustering(new IPEndPoint(options.Address, options.SiloPort));
        return silo.UseAdoNetClustering(o => (o.Invariant, o.DataSource) = (database.Invariant, database.State)).Configure<ClusterMembershipOptions>(o =>
        {
            o.ProbeTimeout = TimeSpan.FromSeconds(1);
            o.MaxProbeTimeout = TimeSpan.FromSeconds(1.2); // nobody who spoke within three of these is dead, so a cut is noticed after 3.6 s
            o.NumMissedProbesLimit = 3;
            o.NumVotesForDeathDeclaration = 2;
            o.TableRefreshTimeout = TimeSpan.FromSeconds(10);
            o.IAmAliveTablePublishTimeout = Admission.SignPeriod;
            o.NumMissedTableIAmAliveLimit = Admission.MissingSigns;
            o.MaxJoinAttemptTime = JoinLock.LongestJoin;
        });
    }

    private static ISiloBuilder AddStorage(this ISiloBuilder silo, string name, Database database, DbDataSource source)
    {
        var rows = $"{name}-rows";
        silo.Services.AddKeyedSingleton<IGrainStorage>(name, (s, _) => new KnownFailures(s.GetRequiredKeyedService<IGrainStorage>(rows), database));
        return silo.AddAdoNetGrainStorage(rows, o =>
            (o.Invariant, o.DataSource, o.GrainStorageSerializer) = (database.Invariant, source, new StateSerializer()));
    }
}
