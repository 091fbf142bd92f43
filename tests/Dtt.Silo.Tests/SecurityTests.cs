using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Dtt.Abstractions;
using Dtt.Core.Security;
using Dtt.Silo.Hosting;
using Dtt.Tests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;

namespace Dtt.Silo.Tests;

/// <summary>Who may speak to a silo, on loopback too: a machine has other users.</summary>
public sealed class SecurityTests(SiloProcess silo) : IClassFixture<SiloProcess>
{
    private static readonly TimeSpan _timeout = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task ClientCertificate_OpensTheGateway()
    {
        Start();
        Assert.Equal(silo.Process, (await AskAsync(silo.GatewayPort, Certificates())).Process);
    }

    [Fact]
    public async Task EveryOtherCertificate_IsRefused()
    {
        Start();
        using var other = new TempFolder();
        var (ours, strange) = (Certificates(), PlatformCertificates.Load(other["tls"]));
        foreach (var (port, shown) in new[]
        {
            (silo.GatewayPort, strange.Client), (silo.GatewayPort, strange.Silo), (silo.GatewayPort, ours.Silo),
            (silo.SiloPort, strange.Client), (silo.SiloPort, strange.Silo), (silo.SiloPort, ours.Client),
        })
        {
            using var client = await ConnectAsync(port);
            await using var tls = new SslStream(client.GetStream(), false, (_, _, _, _) => true, (_, _, _, _, _) => shown);
            await tls.AuthenticateAsClientAsync("dtt", null, SslProtocols.Tls13, false);
            Assert.True(await IsDroppedAsync(tls), $"port {port} let {shown.Subject} in");
        }

        CheckHealthy();
    }

    [Fact]
    public async Task PlainClient_IsRefused()
    {
        Start();
        using var client = await ConnectAsync(silo.GatewayPort);
        await client.GetStream().WriteAsync(new byte[512]);
        Assert.True(await IsDroppedAsync(client.GetStream()));
        CheckHealthy();
    }

    [Fact]
    public async Task OlderTls_IsRefused()
    {
        Start();
        using var client = await ConnectAsync(silo.GatewayPort);
        await using var tls = new SslStream(client.GetStream(), false, (_, _, _, _) => true);
        await Assert.ThrowsAnyAsync<Exception>(() => tls.AuthenticateAsClientAsync("dtt", [Certificates().Client], SslProtocols.Tls12, false));
    }

    [Fact]
    public async Task PeerThatDoesNotFinishItsHandshake_IsDropped()
    {
        Start();
        foreach (var port in new[] { silo.GatewayPort, silo.SiloPort })
        {
            using var silent = await ConnectAsync(port);
            Assert.True(await IsDroppedAsync(silent.GetStream()));
        }
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

    private PlatformCertificates Certificates() => PlatformCertificates.Load(Path.Combine(silo.Home, "tls"));

    private static async Task<TcpClient> ConnectAsync(int port)
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port);
        return client;
    }

    /// <summary>Whether the silo closes a connection instead of waiting for what is said on it; one that it takes stays open.</summary>
    private static async Task<bool> IsDroppedAsync(Stream connection)
    {
        try
        {
            return await connection.ReadAsync(new byte[1]).AsTask().WaitAsync(_timeout) == 0;
        }
        catch (IOException)
        {
            return true;
        }
    }

    private static async Task<SiloReport> AskAsync(int port, PlatformCertificates certificates)
    {
        using var host = new HostBuilder().UseOrleansClient(client => client
            .UseStaticClustering(new IPEndPoint(IPAddress.Loopback, port))
            .Configure<ClusterOptions>(o => (o.ServiceId, o.ClusterId) = (PlatformWire.ServiceId, PlatformWire.ClusterId))
            .Configure<ClientMessagingOptions>(o => o.ResponseTimeout = _timeout)
            .Configure<ClientConnectionOptions>(o => o.ConfigureConnection(c => c.UseTls((plain, closed) =>
                TlsPipe.ConnectAsync(plain, certificates.Client, certificates.Silo, closed))))
            .Services.AddPlatformWire()).Build();
        using var timeout = new CancellationTokenSource(_timeout);
        await host.StartAsync(timeout.Token);
        var report = await host.Services.GetRequiredService<IClusterClient>().GetGrain<IPlatformGrain>(0).StatusAsync().WaitAsync(timeout.Token);
        await host.StopAsync(timeout.Token);
        return report;
    }
}
