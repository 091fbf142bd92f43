using System.Net;
using System.Net.Sockets;

namespace Dtt.Silo.Tests.Hosting;

/// <summary>
/// A way to a port of loopback that cuts its first connection just after the TLS handshake, when the client is done with it and the server not yet,
/// as a machine under load does whose time to connect has run out.
/// </summary>
internal sealed class CutOnceProxy : IAsyncDisposable
{
    private static readonly TimeSpan _untilTheCut = TimeSpan.FromSeconds(1);
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ended = new();
    private readonly int _port;
    private readonly Task _accepting;

    public CutOnceProxy(int port)
    {
        _port = port;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public int Connections { get; private set; }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _accepting;
        _listener.Dispose();
        _ended.Dispose();
    }

    private async Task AcceptAsync()
    {
        List<Task> passing = [];
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_ended.Token);
                passing.Add(PassAsync(client, isCut: ++Connections == 1));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(passing);
        }
    }

    private async Task PassAsync(TcpClient client, bool isCut)
    {
        using var server = new TcpClient();
        using (client)
        {
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, _port, _ended.Token);
                var (up, down) = (client.GetStream(), server.GetStream());
                var answers = down.CopyToAsync(up, _ended.Token);
                if (isCut)
                {
                    // The client's first flight alone: with the server's answer its side of the handshake is done.
                    var hello = new byte[16384];
                    await down.WriteAsync(hello.AsMemory(0, await up.ReadAsync(hello, _ended.Token)), _ended.Token);
                    await Task.Delay(_untilTheCut, _ended.Token);
                    return;
                }

                await Task.WhenAny(up.CopyToAsync(down, _ended.Token), answers);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                // One side has left, or the test has ended.
            }
        }
    }
}
