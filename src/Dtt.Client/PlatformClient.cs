using System.Diagnostics;
using System.Net.Sockets;
using Dtt.Abstractions;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Core.Security;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Dtt.Client;

/// <summary>
/// A connection to the platform by one of its silos. <see cref="Lost"/> is cancelled when that silo is gone, and calls in flight end with it: connect again,
/// which finds another silo of a cluster, and on a single machine starts one.
/// </summary>
public sealed class PlatformClient : IAsyncDisposable
{
    private const int MaxAttempts = 5;
    private static readonly TimeSpan _connectTimeout = TimeSpan.FromSeconds(60); // a machine under load is slow, and there is no other silo
    private static readonly TimeSpan _nodeTimeout = TimeSpan.FromSeconds(10); // another node may serve
    private static readonly TimeSpan _longestRestart = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan _look = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _silenceLimit = TimeSpan.FromSeconds(5);
    private readonly IHost _host;
    private readonly CancellationTokenSource _lost;

    private PlatformClient(IHost host, SiloAnnouncement silo, bool isCluster, CancellationTokenSource lost)
    {
        (_host, Silo, IsCluster, _lost) = (host, silo, isCluster, lost);
        Grains = host.Services.GetRequiredService<IClusterClient>();
        if (isCluster) _ = WatchNodesAsync();
    }

    /// <summary>The silo that serves this connection.</summary>
    public SiloAnnouncement Silo { get; }

    /// <summary>Whether it is one of a cluster.</summary>
    public bool IsCluster { get; }

    /// <summary>The grains.</summary>
    public IGrainFactory Grains { get; }

    /// <summary>Cancelled when the connection broke; of a cluster also when any node is gone, for whatever was asked of it is answered by nobody.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>
    /// Connects to the platform of this process's environment: to the cluster that its home announces, else to this machine's silo, starting one when there is
    /// none; one of another build, or with another store of its state, is replaced when it is idle.
    /// </summary>
    /// <param name="say">Told what the user should know.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="UserErrorException">The silo cannot start, does not answer, or is busy with another store.</exception>
    public static async Task<PlatformClient> ConnectAsync(Action<string> say, CancellationToken cancellation = default)
    {
        var (folders, store) = (PlatformFolders.FromEnvironment(), PostgresAddress.FromEnvironment()?.Name);
        if (ClusterFolder.HasNodes(folders)) return await JoinClusterAsync(folders, say, _connectTimeout, cancellation);
        var build = SiloStarter.BuildToStart();
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            var silo = SiloAnnouncement.FindLiving(folders.AnnouncementFile) ?? await SiloStarter.StartHereAsync(folders, store, cancellation);
            if (await JoinHereAsync(folders, silo, cancellation) is not { } client) continue;
            if (silo.Build == build && silo.Store == store) return client;
            if (!await client.EndSiloAsync(force: false, cancellation))
            {
                if (silo.Store != store)
                {
                    await client.DisposeAsync();
                    throw new UserErrorException($"the silo (process {silo.Process}) is busy and keeps its state in {Describe(silo.Store)}, but this "
                        + $"command's in {Describe(store)}. Set {PostgresAddress.Variable} as that silo has it, give this command a DTT_HOME of its own, "
                        + "or end the silo with `dtt silo stop --force`: its runs save first.", ExitCodes.BadConfiguration);
                }

                say($"the silo (process {silo.Process}) is of another build ({silo.Build}, this command is {build}) and busy, so it stays for now; "
                    + "`dtt silo stop --force` replaces it after its runs have saved.");
                return client;
            }

            await client.DisposeAsync();
            if (silo.Store != store) say($"the idle silo, which kept its state in {Describe(silo.Store)}, is replaced by one with {Describe(store)}.");
        }

        throw new UserErrorException($"{MaxAttempts} silos ended before this command could connect to one; see {folders.LogFile}.", ExitCodes.Requeue);
    }

    /// <summary>Connects to the platform if it lives; never starts a silo.</summary>
    public static async Task<PlatformClient?> TryConnectAsync(CancellationToken cancellation = default)
    {
        var folders = PlatformFolders.FromEnvironment();
        if (!ClusterFolder.HasNodes(folders)) return await TryConnectHereAsync(cancellation);
        return await JoinAnyAsync(folders, () => ClusterFolder.Read(folders), patience: TimeSpan.Zero, cancellation);
    }

    /// <summary>
    /// Connects again to the platform of this connection, once that is lost. A cluster that has no node for a moment, as while its only one is started again,
    /// is waited for; beside it no silo is started.
    /// </summary>
    /// <exception cref="UserErrorException">As <see cref="ConnectAsync"/>; of a cluster, for a minute.</exception>
    public async Task<PlatformClient> ReconnectAsync(Action<string> say, CancellationToken cancellation = default)
    {
        if (!IsCluster) return await ConnectAsync(say, cancellation);
        for (var clock = Stopwatch.StartNew(); ;)
        {
            try
            {
                return await JoinClusterAsync(PlatformFolders.FromEnvironment(), say, _longestRestart - clock.Elapsed, cancellation);
            }
            catch (UserErrorException) when (clock.Elapsed < _longestRestart)
            {
                await Task.Delay(_look, cancellation);
            }
        }
    }

    /// <summary>Connects to this machine's own silo if it lives, also when it is one of a cluster; never starts one.</summary>
    public static async Task<PlatformClient?> TryConnectHereAsync(CancellationToken cancellation = default)
    {
        var folders = PlatformFolders.FromEnvironment();
        return SiloAnnouncement.FindLiving(folders.AnnouncementFile) is { } silo ? await JoinHereAsync(folders, silo, cancellation) : null;
    }

    /// <summary>Ends the silo and waits until it is gone; its answer may be lost with it.</summary>
    /// <param name="force">Also when it is busy.</param>
    /// <param name="cancellation">Gives up waiting.</param>
    /// <returns>False: it is busy, and stays.</returns>
    /// <exception cref="UserErrorException">It does not end.</exception>
    public async Task<bool> EndSiloAsync(bool force, CancellationToken cancellation = default)
    {
        using var stays = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var answer = Grains.GetGrain<IPlatformGrain>(0).StopSiloAsync(force);
        var gone = SiloStarter.WaitForEndAsync(Silo, stays.Token);
        if (await Task.WhenAny(answer, gone) == answer && answer.IsCompletedSuccessfully && !await answer)
        {
            await stays.CancelAsync();
            return false;
        }

        await gone;
        return true;
    }

    /// <summary>Disconnects.</summary>
    public async ValueTask DisposeAsync()
    {
        SiloConnection.Cancel(_lost);
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        try
        {
            await _host.StopAsync(timeout.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or OrleansException or TimeoutException)
        {
            // The silo is gone or shutting down: there is nothing to disconnect from.
        }

        _host.Dispose();
        _lost.Dispose();
    }

    /// <summary>Connects to any node of a cluster. Beside a cluster no silo is started: it would be another platform.</summary>
    /// <exception cref="UserErrorException">None answers.</exception>
    private static async Task<PlatformClient> JoinClusterAsync(
        PlatformFolders folders, Action<string> say, TimeSpan patience, CancellationToken cancellation)
    {
        IReadOnlyList<SiloAnnouncement> Announced() => Gateways.OfStore(folders, ClusterFolder.Read(folders), PostgresAddress.FromEnvironment()?.Name);
        var client = await JoinAnyAsync(folders, Announced, patience, cancellation) ?? throw Gateways.NoneAnswers(folders, Announced());
        if (client.Silo is { } silo && silo.Build != SiloStarter.BuildToStart())
            say($"node {silo.Node} is of another build ({silo.Build}, this command is {SiloStarter.BuildToStart()}); start its job again to renew it.");
        return client;
    }

    /// <summary>
    /// Connects to the first node that serves; one that takes connections but does not, as a stopped one or another program, is passed over. While such ones
    /// are all there is, as on overloaded machines, they and those that are announced meanwhile are asked again, for as long as <paramref name="patience"/>.
    /// </summary>
    /// <exception cref="UserErrorException">None serves; the last one's error.</exception>
    private static async Task<PlatformClient?> JoinAnyAsync(
        PlatformFolders folders, Func<IReadOnlyList<SiloAnnouncement>> announced, TimeSpan patience, CancellationToken cancellation)
    {
        for (var clock = Stopwatch.StartNew(); ;)
        {
            var refusal = (UserErrorException?)null;
            foreach (var silo in await Gateways.FindAnsweringAsync(announced(), cancellation))
            {
                try
                {
                    if (await JoinAsync(folders, silo, () => ClusterFolder.Has(folders, silo), isCluster: true, cancellation) is { } client) return client;
                }
                catch (UserErrorException e)
                {
                    refusal = e;
                }
            }

            if (refusal is null) return null;
            if (clock.Elapsed >= patience) throw refusal;
            await Task.Delay(_look, cancellation);
        }
    }

    private static Task<PlatformClient?> JoinHereAsync(PlatformFolders folders, SiloAnnouncement silo, CancellationToken cancellation) =>
        JoinAsync(folders, silo, () => SiloAnnouncement.FindLiving(folders.AnnouncementFile) == silo, isCluster: false, cancellation);

    /// <summary>Connects to a silo; null when it is ending or has ended.</summary>
    /// <exception cref="UserErrorException">It serves, but does not accept this client.</exception>
    private static async Task<PlatformClient?> JoinAsync(
        PlatformFolders folders, SiloAnnouncement silo, Func<bool> serves, bool isCluster, CancellationToken cancellation)
    {
        var lost = new CancellationTokenSource();
        var connection = new SiloConnection(silo, serves, PlatformCertificates.Load(folders.TlsFolder), lost);
        var host = connection.Build();
        try
        {
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            timeout.CancelAfter(isCluster ? _nodeTimeout : _connectTimeout);
            await host.StartAsync(timeout.Token);
            connection.Join();
            var client = new PlatformClient(host, silo, isCluster, lost);
            if (serves()) return client;
            await client.DisposeAsync();
            return null;
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested
            && e is OrleansException or TimeoutException or SocketException or OperationCanceledException)
        {
            host.Dispose();
            lost.Dispose();
            if (!serves()) return null;
            var why = connection.Refusal is { } refusal ? $"{refusal.Message.TrimEnd('.')} (attempts: {connection.Refused})."
                : "it takes no client, as while its database is silent or the machine is overloaded.";
            throw new UserErrorException($"cannot connect to the silo (process {silo.Process}, {silo.Gateway}): {why} "
                + "Try again; `dtt doctor` and `dtt silo logs` tell more.", isCluster ? ExitCodes.Requeue : ExitCodes.Failure, e);
        }
    }

    /// <summary>Ends the connection when its node is silent, as one without power is, or knows that another has gone.</summary>
    private async Task WatchNodesAsync()
    {
        try
        {
            using var timer = new PeriodicTimer(_look);
            HashSet<string> alive = [];
            do
            {
                var now = await Grains.GetGrain<IPlatformGrain>(0).AliveAsync().WaitAsync(_silenceLimit, _lost.Token);
                if (!alive.IsSubsetOf(now)) break;
                alive = [.. now];
            }
            while (await timer.WaitForNextTickAsync(_lost.Token));
        }
        catch (Exception e) when (e is OrleansException or TimeoutException or OperationCanceledException or ObjectDisposedException)
        {
            // The node is gone, or we left.
        }

        SiloConnection.Cancel(_lost);
    }

    private static string Describe(string? store) => store is null ? "SQLite" : $"PostgreSQL at {store}";
}
