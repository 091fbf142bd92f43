using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Dtt.Tests;

namespace Dtt.Silo.Tests;

/// <summary>An HTTP server on a free port of loopback that keeps what it is sent.</summary>
internal sealed class LoopbackServer : IAsyncDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Task _serving;

    /// <param name="answer">The status for the n-th request, counted from 1.</param>
    public LoopbackServer(Func<int, int>? answer = null)
    {
        Port = Ports.Free();
        _listener.Prefixes.Add($"http://127.0.0.1:{Port}/");
        _listener.Start();
        _serving = ServeAsync(answer ?? (_ => 200));
    }

    public int Port { get; }

    /// <summary>Path and body (as Latin-1) of each request.</summary>
    public ConcurrentQueue<(string Path, string Body)> Requests { get; } = new();

    public async ValueTask DisposeAsync()
    {
        _listener.Close();
        await _serving;
    }

    private async Task ServeAsync(Func<int, int> answer)
    {
        try
        {
            while (true)
            {
                var context = await _listener.GetContextAsync();
                using var reader = new StreamReader(context.Request.InputStream, Encoding.Latin1);
                Requests.Enqueue((context.Request.Url!.AbsolutePath, await reader.ReadToEndAsync()));
                context.Response.StatusCode = answer(Requests.Count);
                context.Response.Close();
            }
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
        {
            return;
        }
    }
}
