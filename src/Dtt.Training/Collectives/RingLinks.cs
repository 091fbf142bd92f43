using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Dtt.Training.Collectives;

/// <summary>
/// A rank's two connections in a ring: it sends to the next rank and receives from the one before. Both ends prove that they know the attempt's secret
/// (HMAC-SHA256 of the other's fresh nonce); a connection without that proof is closed. Nothing is encrypted: the ring belongs on a cluster's own network.
/// </summary>
internal sealed class RingLinks : IDisposable
{
    private const int NonceBytes = 32, HelloBytes = 4 + NonceBytes + HMACSHA256.HashSizeInBytes;
    private static readonly TimeSpan _helloTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _retryPeriod = TimeSpan.FromMilliseconds(50);
    private readonly Socket _next, _previous;
    private readonly TimeSpan _timeout;

    private RingLinks(int rank, int worldSize, Socket next, Socket previous, TimeSpan timeout)
    {
        (Rank, WorldSize, _next, _previous, _timeout) = (rank, worldSize, next, previous, timeout);
        foreach (var socket in new[] { next, previous })
        {
            socket.NoDelay = true;
            socket.SendTimeout = socket.ReceiveTimeout = (int)timeout.TotalMilliseconds;
        }
    }

    /// <summary>This rank.</summary>
    public int Rank { get; }

    /// <summary>Ranks in the ring.</summary>
    public int WorldSize { get; }

    /// <summary>A socket that listens for the rank before, on a free port.</summary>
    public static Socket Listen(IPAddress address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(address, 0));
        socket.Listen();
        return socket;
    }

    /// <summary>Connects to the next rank and accepts the one before.</summary>
    /// <param name="rank">This rank.</param>
    /// <param name="listener">Its listening socket; closed when both connections stand.</param>
    /// <param name="endpoints">Where every rank listens.</param>
    /// <param name="secret">What all ranks of the attempt know.</param>
    /// <param name="timeout">How long this rank waits for a neighbour, now and later.</param>
    /// <exception cref="PeerLostException">A neighbour did not come in time.</exception>
    public static RingLinks Connect(int rank, Socket listener, IReadOnlyList<IPEndPoint> endpoints, byte[] secret, TimeSpan timeout)
    {
        var world = endpoints.Count;
        var (next, previous) = ((rank + 1) % world, (rank + world - 1) % world);
        var deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        var accepted = Task.Run(() => Accept(listener, previous, rank, secret, deadline));
        Socket? connected = null;
        try
        {
            connected = Reach(endpoints[next], rank, next, secret, deadline);
            return new RingLinks(rank, world, connected, accepted.GetAwaiter().GetResult(), timeout);
        }
        catch
        {
            connected?.Dispose();
            throw;
        }
        finally
        {
            listener.Dispose();
        }
    }

    /// <summary>Sends all bytes to the next rank.</summary>
    /// <exception cref="PeerLostException">It is gone, or accepts nothing for too long.</exception>
    public void Send(ReadOnlySpan<byte> bytes)
    {
        try
        {
            while (bytes.Length > 0) bytes = bytes[_next.Send(bytes)..];
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            throw Lost((Rank + 1) % WorldSize, e, "accepted nothing");
        }
    }

    /// <summary>Fills a span from the rank before.</summary>
    /// <exception cref="PeerLostException">It is gone, or sends nothing for too long.</exception>
    public void Receive(Span<byte> bytes)
    {
        var from = (Rank + WorldSize - 1) % WorldSize;
        try
        {
            while (bytes.Length > 0)
            {
                var count = _previous.Receive(bytes);
                if (count == 0) throw new PeerLostException($"rank {from} disappeared");
                bytes = bytes[count..];
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            throw Lost(from, e, "sent nothing");
        }
    }

    public void Dispose()
    {
        _next.Dispose();
        _previous.Dispose();
    }

    private PeerLostException Lost(int rank, Exception cause, string silence) =>
        cause is SocketException { SocketErrorCode: SocketError.TimedOut or SocketError.WouldBlock }
            ? new PeerLostException($"rank {rank} {silence} for {_timeout.TotalSeconds:0} s", cause)
            : new PeerLostException($"rank {rank} disappeared", cause);

    /// <summary>Accepts connections until one proves to be the rank before.</summary>
    private static Socket Accept(Socket listener, int expected, int rank, byte[] secret, long deadline)
    {
        Span<byte> hello = stackalloc byte[HelloBytes];
        while (true)
        {
            var left = Left(deadline);
            if (left <= TimeSpan.Zero || !listener.Poll(left, SelectMode.SelectRead))
                throw new PeerLostException($"rank {expected} did not connect in time");
            var socket = listener.Accept();
            try
            {
                socket.ReceiveTimeout = socket.SendTimeout = (int)_helloTimeout.TotalMilliseconds;
                var nonce = RandomNumberGenerator.GetBytes(NonceBytes);
                socket.Send(nonce);
                if (Fill(socket, hello) && BinaryPrimitives.ReadInt32LittleEndian(hello) == expected
                    && CryptographicOperations.FixedTimeEquals(Proof(secret, nonce, expected, rank), hello[(4 + NonceBytes)..]))
                {
                    socket.Send(Proof(secret, hello.Slice(4, NonceBytes), rank, expected));
                    return socket;
                }
            }
            catch (SocketException)
            {
                // A stranger that hung up: the right rank is still to come.
            }

            socket.Dispose();
        }
    }

    private static Socket Reach(IPEndPoint endpoint, int rank, int next, byte[] secret, long deadline)
    {
        Span<byte> theirs = stackalloc byte[NonceBytes], answer = stackalloc byte[HMACSHA256.HashSizeInBytes], hello = stackalloc byte[HelloBytes];
        while (true)
        {
            var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                socket.ReceiveTimeout = socket.SendTimeout = (int)Math.Max(1, Left(deadline).TotalMilliseconds);
                socket.Connect(endpoint);
                var nonce = RandomNumberGenerator.GetBytes(NonceBytes);
                if (Fill(socket, theirs))
                {
                    BinaryPrimitives.WriteInt32LittleEndian(hello, rank);
                    nonce.CopyTo(hello[4..]);
                    Proof(secret, theirs, rank, next).CopyTo(hello[(4 + NonceBytes)..]);
                    socket.Send(hello);
                    if (Fill(socket, answer) && CryptographicOperations.FixedTimeEquals(Proof(secret, nonce, next, rank), answer)) return socket;
                }
            }
            catch (SocketException)
            {
                // Not there yet, or not it.
            }

            socket.Dispose();
            if (Left(deadline) <= _retryPeriod) throw new PeerLostException($"rank {next} could not be reached at {endpoint}");
            Thread.Sleep(_retryPeriod);
        }
    }

    /// <summary>HMAC of a nonce and of who proves it to whom: an answer cannot be sent back to where it came from.</summary>
    private static byte[] Proof(byte[] secret, ReadOnlySpan<byte> nonce, int prover, int verifier)
    {
        Span<byte> text = stackalloc byte[NonceBytes + 8];
        nonce.CopyTo(text);
        BinaryPrimitives.WriteInt32LittleEndian(text[NonceBytes..], prover);
        BinaryPrimitives.WriteInt32LittleEndian(text[(NonceBytes + 4)..], verifier);
        return HMACSHA256.HashData(secret, text);
    }

    private static bool Fill(Socket socket, Span<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var count = socket.Receive(bytes);
            if (count == 0) return false;
            bytes = bytes[count..];
        }

        return true;
    }

    private static TimeSpan Left(long deadline) => TimeSpan.FromMilliseconds(deadline - Environment.TickCount64);
}
