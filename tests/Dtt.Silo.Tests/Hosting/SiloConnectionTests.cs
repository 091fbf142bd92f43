using System.Net;
using Dtt.Abstractions;
using Dtt.Client;
using Dtt.Core.Platform;
using Dtt.Core.Security;
using Dtt.Silo.Hosting;
using Dtt.Tests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;

namespace Dtt.Silo.Tests.Hosting;

public sealed class SiloConnectionTests : IDisposable
{
    private static readonly TimeSpan _timeout = TimeSpan.FromMinutes(1);
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task ConnectionThatBreaksWhileItIsMade_IsMadeAgain_AndLaterIsLost()
    {
        var certificates = PlatformCertificates.Load(_folder["tls"]);
        var (listening, siloPort) = (Ports.Free(), Ports.Free());
        await using var proxy = new CutOnceProxy(listening);
        using var silo = Silo(siloPort, proxy.Port, listening, certificates);
        await silo.StartAsync(TestContext.Current.CancellationToken);

        using var lost = new CancellationTokenSource();
        var connection = new SiloConnection(Announcement(siloPort, proxy.Port), () => true, certificates, lost);
        using var client = connection.Build();
        await client.StartAsync(TestContext.Current.CancellationToken).WaitAsync(_timeout, TestContext.Current.CancellationToken);
        connection.Join();
        Assert.InRange(connection.Refused, 1, int.MaxValue); // on a slow machine the second may take too long as well
        Assert.Equal((connection.Refused + 1, false), (proxy.Connections, lost.IsCancellationRequested));

        await silo.StopAsync(TestContext.Current.CancellationToken);
        await Wait.ForAsync("the loss of the connection", () => lost.IsCancellationRequested);
    }

    /// <summary>A silo that says it is at one port for clients and listens at another.</summary>
    private static IHost Silo(int siloPort, int gatewayPort, int listening, PlatformCertificates certificates) => new HostBuilder().UseOrleans(silo => silo
        .UseDevelopmentClustering(new IPEndPoint(IPAddress.Loopback, siloPort))
        .ConfigureEndpoints(IPAddress.Loopback, siloPort, gatewayPort)
        .Configure<EndpointOptions>(o => o.GatewayListeningEndpoint = new IPEndPoint(IPAddress.Loopback, listening))
        .Configure<ClusterOptions>(o => (o.ServiceId, o.ClusterId) = (PlatformWire.ServiceId, PlatformWire.ClusterId))
        .Configure<SiloConnectionOptions>(o => o.ConfigureGatewayInboundConnection(c => c.UseTls((plain, closed) =>
            TlsPipe.AcceptAsync(plain, certificates.Silo, certificates.Client, closed))))
        .Services.AddPlatformWire()).Build();

    private static SiloAnnouncement Announcement(int siloPort, int gatewayPort) => new()
    {
        Process = Environment.ProcessId,
        StartTicks = 0,
        BootId = "",
        Build = "",
        SiloPort = siloPort,
        GatewayPort = gatewayPort,
    };
}
