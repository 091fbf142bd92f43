using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Dtt.Core.Errors;
using Dtt.Training.Collectives;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Benchmarks;

/// <summary>
/// An all-reduce of two ranks over a link between two machines, against the same bytes over one plain connection in both directions at once, in turns. Each
/// machine runs <c>dtt-rank --link RANK ADDRESS_OF_0 ADDRESS_OF_1 [PAIRS]</c>; rank 0 prints.
/// </summary>
internal static class LinkBench
{
    private const int Port = 61990; // fixed, for nothing tells rank 1 another; above the ports that the kernel hands out
    private const int EndpointBytes = 64;
    private const long Values = 1 << 25;
    private static readonly TimeSpan _timeout = TimeSpan.FromMinutes(1);

    /// <summary>Measures; the first pair is not counted.</summary>
    /// <exception cref="UserErrorException">The arguments are not these, or the other machine cannot be reached.</exception>
    public static int Run(string[] arguments)
    {
        if (arguments is not [var first, var address0, var address1, .. var more] || first is not ("0" or "1") || more.Length > 1
            || !IPAddress.TryParse(address0, out var zero) || !IPAddress.TryParse(address1, out var one)
            || !int.TryParse(more.FirstOrDefault("5"), CultureInfo.InvariantCulture, out var pairs) || pairs < 1)
        {
            throw new UserErrorException(
                "usage: dtt-rank --link RANK ADDRESS_OF_0 ADDRESS_OF_1 [PAIRS], with RANK 0 on one machine and 1 on the other", ExitCodes.BadConfiguration);
        }

        TorchRuntime.Load();
        var rank = first == "0" ? 0 : 1;
        using var plain = rank == 0 ? Accept(zero) : Reach(zero);
        plain.NoDelay = true;
        using var ring = Join(rank, rank == 0 ? zero : one, plain);
        using var values = ones(Values);
        var ratios = new List<double>();
        for (var pair = 0; pair <= pairs; pair++)
        {
            var ringSeconds = Seconds(ring, () => ring.AllReduce(values));
            var plainSeconds = Seconds(ring, () => Exchange(plain));
            if (pair == 0) continue;
            ratios.Add(plainSeconds / ringSeconds);
            if (rank == 0) Console.WriteLine(Line($"ring {Rate(ringSeconds):0.00} GB/s, plain {Rate(plainSeconds):0.00} GB/s, {ratios[^1]:0.000} of the link"));
        }

        ratios.Sort();
        if (rank == 0) Console.WriteLine(Line($"median {ratios[ratios.Count / 2]:0.000} of the link ({ratios[0]:0.000} to {ratios[^1]:0.000}, {pairs} pairs)"));
        return ExitCodes.Success;
    }

    /// <summary>An all-reduce of two ranks sends all values once in each direction.</summary>
    private static double Rate(double seconds) => Values * sizeof(float) / seconds / 1e9;

    private static string Line(FormattableString text) => FormattableString.Invariant(text);

    private static double Seconds(RingCollective ring, Action work)
    {
        ring.Barrier();
        var clock = Stopwatch.StartNew();
        work();
        return clock.Elapsed.TotalSeconds;
    }

    private static void Exchange(Socket plain)
    {
        var sending = Task.Factory.StartNew(() => RingBench.Send(plain, Values * sizeof(float)), TaskCreationOptions.LongRunning);
        RingBench.Receive(plain, Values * sizeof(float));
        sending.GetAwaiter().GetResult();
    }

    private static RingCollective Join(int rank, IPAddress address, Socket plain)
    {
        var listener = RingLinks.Listen(address);
        var (mine, theirs) = ((IPEndPoint)listener.LocalEndPoint!, new byte[EndpointBytes]);
        plain.Send(Encoding.ASCII.GetBytes(mine.ToString().PadRight(EndpointBytes)));
        for (var got = 0; got < EndpointBytes;)
        {
            var count = plain.Receive(theirs.AsSpan(got));
            if (count == 0) throw new UserErrorException("the other rank hung up.");
            got += count;
        }

        var other = IPEndPoint.Parse(Encoding.ASCII.GetString(theirs).TrimEnd());
        return new RingCollective(RingLinks.Connect(rank, listener, rank == 0 ? [mine, other] : [other, mine], [1], _timeout));
    }

    private static Socket Accept(IPAddress address)
    {
        using var listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(address, Port));
        listener.Listen();
        return listener.Poll(_timeout, SelectMode.SelectRead) ? listener.Accept()
            : throw new UserErrorException(Line($"rank 1 did not come to {address}:{Port} within {_timeout.TotalSeconds} s."));
    }

    private static Socket Reach(IPAddress address)
    {
        for (var clock = Stopwatch.StartNew(); ; Thread.Sleep(50))
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                socket.Connect(address, Port);
                return socket;
            }
            catch (SocketException e)
            {
                socket.Dispose();
                if (clock.Elapsed > _timeout) throw new UserErrorException(Line($"rank 0 cannot be reached at {address}:{Port}: {e.Message}."));
            }
        }
    }
}
