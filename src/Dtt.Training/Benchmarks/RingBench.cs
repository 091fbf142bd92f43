using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Dtt.Core.Errors;
using Dtt.Training.Collectives;
using static TorchSharp.torch;

namespace Dtt.Training.Benchmarks;

/// <summary>
/// An all-reduce of two ranks over loopback, against the same bytes sent and received by plain sockets in both directions at once: 2 (n − 1) ÷ n of the
/// values, for n = 2 all of them.
/// </summary>
internal sealed class RingBench : IDisposable
{
    private const int BlockBytes = 256 << 10;
    private readonly Tensor[] _values;
    private readonly RingCollective[] _ranks;
    private readonly (Socket A, Socket B) _plain;

    /// <summary>Two ranks with so many values.</summary>
    public RingBench(long values)
    {
        _values = [ones(values), ones(values)];
        var listeners = new[] { RingLinks.Listen(IPAddress.Loopback), RingLinks.Listen(IPAddress.Loopback) };
        var endpoints = listeners.Select(l => (IPEndPoint)l.LocalEndPoint!).ToArray();
        _ranks = Both(r => new RingCollective(RingLinks.Connect(r, listeners[r], endpoints, [1], TimeSpan.FromMinutes(1))));
        using var listener = RingLinks.Listen(IPAddress.Loopback);
        var a = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        a.Connect(listener.LocalEndPoint!);
        _plain = (a, listener.Accept());
    }

    /// <summary>Seconds of an all-reduce.</summary>
    public double Seconds()
    {
        var clock = Stopwatch.StartNew();
        Both(r =>
        {
            _ranks[r].AllReduce(_values[r]);
            return true;
        });
        return clock.Elapsed.TotalSeconds;
    }

    /// <summary>Seconds of the same bytes over plain sockets.</summary>
    public double SecondsOfLoopback()
    {
        var bytes = _values[0].numel() * sizeof(float);
        var clock = Stopwatch.StartNew();
        Task.WaitAll(
            Start(() => Send(_plain.A, bytes)), Start(() => Receive(_plain.B, bytes)),
            Start(() => Send(_plain.B, bytes)), Start(() => Receive(_plain.A, bytes)));
        return clock.Elapsed.TotalSeconds;
    }

    public void Dispose()
    {
        foreach (var rank in _ranks) rank.Dispose();
        foreach (var values in _values) values.Dispose();
        _plain.A.Dispose();
        _plain.B.Dispose();
    }

    internal static void Send(Socket socket, long bytes)
    {
        var block = new byte[BlockBytes];
        for (var left = bytes; left > 0;) left -= socket.Send(block.AsSpan(0, (int)Math.Min(left, block.Length)));
    }

    internal static void Receive(Socket socket, long bytes)
    {
        var block = new byte[BlockBytes];
        for (var left = bytes; left > 0;)
        {
            var count = socket.Receive(block.AsSpan(0, (int)Math.Min(left, block.Length)));
            if (count == 0) throw new UserErrorException($"the other side hung up with {left} of {bytes} bytes to come.");
            left -= count;
        }
    }

    private static T[] Both<T>(Func<int, T> work)
    {
        var tasks = new[] { 0, 1 }.Select(r => Task.Factory.StartNew(() => work(r), TaskCreationOptions.LongRunning)).ToArray();
        return [.. tasks.Select(t => t.GetAwaiter().GetResult())];
    }

    private static Task Start(Action work) => Task.Factory.StartNew(work, TaskCreationOptions.LongRunning);
}
