using System.Diagnostics;
using Dtt.Abstractions;
using Dtt.Core.Platform;
using Dtt.Core.Security;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;

namespace Dtt.Client;

/// <summary>How a client and one silo speak: Orleans' client over TLS, whose calls end with the connection.</summary>
/// <param name="silo">The silo.</param>
/// <param name="serves">Whether it is still announced.</param>
/// <param name="certificates">Of the platform.</param>
/// <param name="lost">Cancelled when the connection broke.</param>
internal sealed class SiloConnection(SiloAnnouncement silo, Func<bool> serves, PlatformCertificates certificates, CancellationTokenSource lost)
{
    private static readonly TimeSpan _responseTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan _retryPeriod = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan _deathNotice = TimeSpan.FromSeconds(10);
    private readonly CancellationToken _gone = lost.Token;
    private volatile CancellationTokenSource _attempt = new(); // one connection: before the client has joined, one that breaks is made again
    private CancellationTokenSource? _joined; // the connection by which the client has joined

    /// <summary>Why the last attempt that failed did.</summary>
    public Exception? Refusal { get; private set; }

    /// <summary>How many attempts failed.</summary>
    public int Refused { get; private set; }

    /// <summary>The client; it connects when it is started.</summary>
    public IHost Build() => new HostBuilder()
        .ConfigureLogging(logging => logging.ClearProviders())
        .UseOrleansClient(client => client
            .UseStaticClustering(silo.Gateway)
            .Configure<ClusterOptions>(o => (o.ServiceId, o.ClusterId) = (PlatformWire.ServiceId, PlatformWire.ClusterId))
            .UseConnectionRetryFilter(async (e, cancellation) =>
            {
                if (!cancellation.IsCancellationRequested) (Refusal, Refused) = (e.GetBaseException(), Refused + 1);
                await Task.Delay(_retryPeriod, cancellation);
                return serves();
            })
            .Configure<ConnectionOptions>(o => o.ConnectionRetryDelay = TimeSpan.Zero) // the filter above delays
            .Configure<ClientMessagingOptions>(o => o.ResponseTimeout = _responseTimeout)
            .AddOutgoingGrainCallFilter(CallAsync)
            .Configure<ClientConnectionOptions>(o => o.ConfigureConnection(c => c.Use(next => context => EncryptAsync(context, next))))
            .Services.AddPlatformWire().AddSingleton<IHostLifetime, NoLifetime>())
        .Build();

    /// <summary>Cancels, unless we left ourselves.</summary>
    public static void Cancel(CancellationTokenSource lost)
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

    /// <summary>The client is connected: when this connection breaks it is lost, also when Orleans makes another at once.</summary>
    public void Join()
    {
        var attempt = _attempt;
        Interlocked.Exchange(ref _joined, attempt);
        if (attempt.IsCancellationRequested) Cancel(lost);
    }

    /// <summary>
    /// A call ends with the connection. One that was not delivered, because the silo of its grain has died and the others do not know yet, is sent again.
    /// A grain that cannot begin, because its state cannot be read, fails as one that is there does.
    /// </summary>
    private async Task CallAsync(IOutgoingGrainCallContext call)
    {
        var gone = Volatile.Read(ref _joined) is null ? _attempt.Token : _gone;
        for (var clock = Stopwatch.StartNew(); ;)
        {
            try
            {
                await call.Invoke().WaitAsync(gone);
                return;
            }
            catch (OrleansException e) when (StorageUnavailableException.In(e) is { } failure)
            {
                throw new IOException(failure.Message);
            }
            catch (OrleansMessageRejectionException) when (clock.Elapsed < _deathNotice)
            {
                await Task.Delay(_retryPeriod, gone);
            }
        }
    }

    /// <summary>A connection's first step: TLS, and the signal that the connection has ended.</summary>
    private async Task EncryptAsync(ConnectionContext context, ConnectionDelegate next)
    {
        var plain = context.Transport;
        await using var tls = await TlsPipe.ConnectAsync(plain, certificates.Client, certificates.Silo, context.ConnectionClosed);
        context.Transport = tls;
        var attempt = new CancellationTokenSource();
        _attempt = attempt;
        try
        {
            await next(context);
        }
        finally
        {
            attempt.Cancel();
            if (ReferenceEquals(Volatile.Read(ref _joined), attempt)) Cancel(lost);
            context.Transport = plain;
        }
    }

    /// <summary>Leaves the signals of the process to the program that connects.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
