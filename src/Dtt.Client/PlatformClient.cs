using System.Net;
using Dtt.Abstractions;
using Dtt.Abstractions.Security;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Core.Security;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;

namespace Dtt.Client;

/// <summary>A connection to the platform's silo. <see cref="Lost"/> ends when the silo is gone: connect again then, which starts another.</summary>
public sealed class PlatformClient : IAsyncDisposable
{
    private const int MostTries = 5;
    private static readonly TimeSpan _answerPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan _joinPatience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan _retryPeriod = TimeSpan.FromMilliseconds(100);
    private readonly IHost _host;
    private readonly CancellationTokenSource _lost;

    private PlatformClient(IHost host, SiloAnnouncement silo, CancellationTokenSource lost)
    {
        (_host, Silo, _lost) = (host, silo, lost);
        Grains = host.Services.GetRequiredService<IClusterClient>();
    }

    /// <summary>The silo that serves.</summary>
    public SiloAnnouncement Silo { get; }

    /// <summary>The grains.</summary>
    public IGrainFactory Grains { get; }

    /// <summary>Cancelled when the connection broke.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>Connects to the silo of this process's environment, starting one when there is none; one of another build is replaced when it is idle.</summary>
    /// <param name="say">Told what the user should know.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="UserErrorException">The silo cannot start, or does not answer.</exception>
    public static async Task<PlatformClient> ConnectAsync(Action<string> say, CancellationToken cancellation = default)
    {
        var folders = PlatformFolders.FromEnvironment();
        var build = SiloStarter.BuildToStart();
        for (var tries = 0; tries < MostTries; tries++)
        {
            var silo = SiloAnnouncement.FindLiving(folders.AnnouncementFile) ?? await SiloStarter.StartAsync(folders, cancellation);
            if (await JoinAsync(folders, silo, cancellation) is not { } client) continue;
            if (silo.Build == build) return client;
            if (!await client.EndSiloAsync(force: false, cancellation))
            {
                say($"the silo (process {silo.Process}) is of another build ({silo.Build}, this command is {build}) and busy, so it stays for now; `dtt silo stop --force` replaces it after its runs have saved.");
                return client;
            }

            await client.DisposeAsync();
        }

        throw new UserErrorException($"{MostTries} silos ended before this command could join one; look into {folders.LogFile}.", ExitCodes.Requeue);
    }

    /// <summary>Connects to a silo if one lives; never starts one.</summary>
    public static async Task<PlatformClient?> TryConnectAsync(CancellationToken cancellation = default)
    {
        var folders = PlatformFolders.FromEnvironment();
        return SiloAnnouncement.FindLiving(folders.AnnouncementFile) is { } silo ? await JoinAsync(folders, silo, cancellation) : null;
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

    /// <summary>Leaves.</summary>
    public async ValueTask DisposeAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        try
        {
            await _host.StopAsync(patience.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or OrleansException or TimeoutException)
        {
            // The silo is gone or busy ending: there is nobody to say goodbye to.
        }

        _host.Dispose();
        _lost.Dispose();
    }

    /// <summary>Joins a silo; null when it ends or has ended.</summary>
    /// <exception cref="UserErrorException">It serves, and does not take this client.</exception>
    private static async Task<PlatformClient?> JoinAsync(PlatformFolders folders, SiloAnnouncement silo, CancellationToken cancellation)
    {
        var certificates = PlatformCertificates.Load(folders.TlsFolder);
        var lost = new CancellationTokenSource();
        Exception? refusal = null;
        bool Serves() => SiloAnnouncement.FindLiving(folders.AnnouncementFile) == silo;
        var host = new HostBuilder()
            .ConfigureLogging(logging => logging.ClearProviders())
            .UseOrleansClient(client => client
                .UseStaticClustering(new IPEndPoint(IPAddress.Loopback, silo.GatewayPort))
                .Configure<ClusterOptions>(o => (o.ServiceId, o.ClusterId) = (PlatformWire.ServiceId, PlatformWire.ClusterId))
                .UseConnectionRetryFilter(async (e, cancellation) =>
                {
                    refusal = e;
                    await Task.Delay(_retryPeriod, cancellation);
                    return Serves();
                })
                .Configure<ClientMessagingOptions>(o => o.ResponseTimeout = _answerPatience)
                .Configure<ClientConnectionOptions>(o => o.ConfigureConnection(c => TlsConnection.UseClient(c, certificates.Client, certificates.Silo, change =>
                {
                    if (change < 0) Cancel(lost);
                })))
                .Services.AddPlatformWire())
            .Build();
        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            patience.CancelAfter(_joinPatience);
            await host.StartAsync(patience.Token);
            var client = new PlatformClient(host, silo, lost);
            if (Serves()) return client;
            await client.DisposeAsync();
            return null;
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested && e is OrleansException or TimeoutException or System.Net.Sockets.SocketException or OperationCanceledException)
        {
            host.Dispose();
            lost.Dispose();
            if (!Serves()) return null;
            throw new UserErrorException($"the silo (process {silo.Process}, port {silo.GatewayPort}) does not take this client: {(refusal ?? e).Message} "
                + "See `dtt silo logs`; `dtt silo stop --force` ends it.", inner: e);
        }
    }

    private static void Cancel(CancellationTokenSource lost)
    {
        try
        {
            lost.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // We left ourselves.
        }
    }
}
