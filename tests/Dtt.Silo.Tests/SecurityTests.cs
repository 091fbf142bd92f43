using System.Net;
using System.Net.Sockets;
using Dtt.Abstractions;
using Dtt.Abstractions.Security;
using Dtt.Core.Security;
using Dtt.Tests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;

namespace Dtt.Silo.Tests;

/// <summary>Who may speak to a silo, on loopback too: a machine has other users.</summary>
public sealed class SecurityTests(SiloProcess silo) : IClassFixture<SiloProcess>
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task PlainClient_IsRefused()
    {
        Start();
        await Assert.ThrowsAnyAsync<Exception>(() => AskAsync(silo.GatewayPort, null));
        CheckHealthy();
    }

    [Fact]
    public async Task ClientWithAnotherCertificate_IsRefused()
    {
        Start();
        using var other = new TempFolder();
        var strange = PlatformCertificates.Load(other["tls"]);
        var ours = PlatformCertificates.Load(Path.Combine(silo.Home, "tls"));
        await Assert.ThrowsAnyAsync<Exception>(() => AskAsync(silo.GatewayPort, o => o.ConfigureConnection(c => TlsConnection.UseClient(c, strange.Client, ours.Silo))));
        CheckHealthy();
    }

    [Fact]
    public async Task ClientCertificate_DoesNotOpenTheSilosPort_AndOursOpensTheGateway()
    {
        Start();
        var ours = PlatformCertificates.Load(Path.Combine(silo.Home, "tls"));
        void Ours(ClientConnectionOptions o) => o.ConfigureConnection(c => TlsConnection.UseClient(c, ours.Client, ours.Silo));
        Assert.Equal(silo.Process, (await AskAsync(silo.GatewayPort, Ours)).Process);
        await Assert.ThrowsAnyAsync<Exception>(() => AskAsync(silo.SiloPort, Ours));
    }

    [Fact]
    public async Task AThousandGarbageConnections_LeaveTheSiloHealthy()
    {
        Start();
        var garbage = new byte[512];
        var random = new Random(5);
        var (closed, open) = (0, new List<TcpClient>());
        for (var i = 0; i < 1000; i++)
        {
            var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, i % 2 == 0 ? silo.GatewayPort : silo.SiloPort);
            random.NextBytes(garbage);
            try
            {
                await client.GetStream().WriteAsync(garbage.AsMemory(0, i % 3 == 0 ? 0 : garbage.Length));
            }
            catch (IOException)
            {
                closed++;
            }

            open.Add(client);
        }

        CheckHealthy();
        foreach (var client in open) client.Dispose();
        CheckHealthy();
        Assert.True(closed < 1000);
    }

    [Fact]
    public void Keys_AreThisUsersAlone_AndOpenOnesAreRefused()
    {
        Start();
        foreach (var key in new[] { "silo.pfx", "client.pfx" })
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(silo.Home, "tls", key)));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(silo.Home));
        var client = Path.Combine(silo.Home, "tls", "client.pfx");
        File.SetUnixFileMode(client, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        var refused = silo.Dtt(["runs"]);
        File.SetUnixFileMode(client, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Assert.Equal(1, refused.Code);
        Assert.Contains("may be read or changed by others", refused.Error);
    }

    private void Start() => Assert.Equal(0, silo.Dtt(["runs"]).Code);

    private void CheckHealthy() => Assert.Contains("idle", silo.Dtt(["silo", "status"]).Output);

    private static async Task<SiloReport> AskAsync(int port, Action<ClientConnectionOptions>? connection)
    {
        using var host = new HostBuilder().UseOrleansClient(client =>
        {
            client.UseStaticClustering(new IPEndPoint(IPAddress.Loopback, port))
                .Configure<ClusterOptions>(o => (o.ServiceId, o.ClusterId) = (PlatformWire.ServiceId, PlatformWire.ClusterId))
                .Configure<ClientMessagingOptions>(o => o.ResponseTimeout = _patience);
            if (connection is not null) client.Configure(connection);
            client.Services.AddPlatformWire();
        }).Build();
        using var patience = new CancellationTokenSource(_patience);
        await host.StartAsync(patience.Token);
        var report = await host.Services.GetRequiredService<IClusterClient>().GetGrain<IPlatformGrain>(0).StatusAsync().WaitAsync(patience.Token);
        await host.StopAsync(patience.Token);
        return report;
    }
}
