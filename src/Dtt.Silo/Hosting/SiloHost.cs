using System.Data.Common;
using System.Net;
using System.Net.Sockets;
using Dtt.Abstractions;
using Dtt.Core.Platform;
using Dtt.Core.Security;
using Dtt.Grains.Agents;
using Dtt.Grains.Storage;
using Dtt.Silo.Agent;
using Dtt.Silo.Datasets;
using Dtt.Silo.Ranks;
using Dtt.Silo.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Orleans.Configuration;

namespace Dtt.Silo.Hosting;

/// <summary>The silo of one machine: exactly one per user and state folder, on loopback.</summary>
internal static class SiloHost
{
    private const int MostTries = 5;

    /// <summary>Starts a silo. A free port that another program takes between its choice and its use is replaced by another.</summary>
    public static async Task<IHost> StartAsync(PlatformFolders folders, Database database, PlatformCertificates certificates)
    {
        for (var tries = MostTries; ; tries--)
        {
            // A port that the user named is refused here, with its name, when it is taken.
            var host = Build(folders, SiloOptionsFromEnvironment.Read(), database, certificates);
            try
            {
                await host.StartAsync();
                return host;
            }
            catch (Exception e) when (tries > 1 && IsTakenPort(e))
            {
                host.Dispose();
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
            .AddSingleton(certificates).AddSingleton(new NodeAddress(NodeAddress.Loopback)).AddSingleton<RankHost>().AddSingleton<JobHost>().AddSingleton<ShardWorker>().AddSingleton<OrphanRuns>()
            .AddSingleton<Announcement>().AddSingleton<SiloLife>()
            .Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromMinutes(2)));
        builder.UseOrleans(silo => silo
            .UseLocalhostClustering(options.SiloPort, options.GatewayPort, serviceId: PlatformWire.ServiceId, clusterId: PlatformWire.ClusterId)
            .Configure<EndpointOptions>(o => o.AdvertisedIPAddress = IPAddress.Loopback)
            .Configure<SiloOptions>(o => o.SiloName = Environment.MachineName)
            .Configure<SiloConnectionOptions>(o =>
            {
                var (ours, theirs) = (certificates.Silo, certificates.Client);
                o.ConfigureSiloInboundConnection(c => c.UseTls((plain, closed) => TlsPipe.AcceptAsync(plain, ours, ours, closed)));
                o.ConfigureSiloOutboundConnection(c => c.UseTls((plain, closed) => TlsPipe.ConnectAsync(plain, ours, ours, closed)));
                o.ConfigureGatewayInboundConnection(c => c.UseTls((plain, closed) => TlsPipe.AcceptAsync(plain, ours, theirs, closed), clients.Change));
            })
            .AddAdoNetGrainStorage(StateStorage.Provider, o => ConfigureStorage(o, database, database.State))
            .AddAdoNetGrainStorage(StateStorage.PieceProvider, o => ConfigureStorage(o, database, database.Pieces))
            .UseAdoNetReminderService(o => (o.Invariant, o.DataSource) = (database.Invariant, database.State))
            .AddIncomingGrainCallFilter<StorageFailures>()
            .AddGrainService<NodeAgent>()
            .AddStartupTask<Announcer>()
            .Services.AddPlatformWire(GrainJson.Default));

        // Added last, so it is the first to end: ranks save while the silo still answers.
        builder.ConfigureServices(services => services.AddHostedService(s => s.GetRequiredService<SiloLife>()));
        return builder.Build();
    }

    private static void ConfigureStorage(AdoNetGrainStorageOptions options, Database database, DbDataSource source) =>
        (options.Invariant, options.DataSource, options.GrainStorageSerializer) = (database.Invariant, source, new StateSerializer());
}
