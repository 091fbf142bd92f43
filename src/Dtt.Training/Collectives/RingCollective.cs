using System.Collections.Concurrent;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace Dtt.Training.Collectives;

/// <summary>
/// Collectives of CPU ranks in a ring (Patarasu and Yuan 2009): rank r sends to r + 1 and receives from r − 1. Shares travel in blocks: a block that was
/// received and added goes on at once, so that all links are busy. Each rank sends 2 (n − 1) ÷ n of the values for an all-reduce, which is the least possible.
/// </summary>
internal sealed unsafe class RingCollective : ICollective
{
    private const int BlockValues = 64 << 10;
    private const long LargestPiece = 1L << 28; // values; a tensor's bytes are addressed with 31 bits
    private readonly RingLinks _links;
    private readonly float[] _incoming = GC.AllocateUninitializedArray<float>(BlockValues, pinned: true);
    private readonly BlockingCollection<(nint Start, int Bytes)> _outgoing = []; // no bytes: the end of an operation
    private readonly ManualResetEventSlim _sent = new();
    private readonly Action<long, long>? _progress;
    private readonly Thread _sender;
    private volatile PeerLostException? _broken;
    private long _operations;

    /// <summary>A ring over connected links.</summary>
    /// <param name="links">The connections to both neighbours.</param>
    /// <param name="progress">Told the operations begun and completed, before and after each.</param>
    public RingCollective(RingLinks links, Action<long, long>? progress = null)
    {
        (_links, _progress) = (links, progress);
        _sender = new Thread(SendAll) { IsBackground = true, Name = "ring sender" };
        _sender.Start();
    }

    public int Rank => _links.Rank;

    public int WorldSize => _links.WorldSize;

    public void AllReduce(Tensor values) => Run(values, (data, count) =>
    {
        var cuts = ICollective.EvenCuts(count, WorldSize);
        Pass(data, cuts, Rank - 1, add: true);
        Pass(data, cuts, Rank, add: false);
    });

    public bool Overlaps => false;

    public void BeginAllReduce(Tensor values) => AllReduce(values);

    public void Join()
    {
    }

    public void ThrowIfBroken()
    {
        if (_broken is { } broken) throw broken;
    }

    public void ReduceScatter(Tensor values, IReadOnlyList<long> cuts) => Run(values, (data, _) => Pass(data, cuts, Rank - 1, add: true), whole: true);

    public void AllGather(Tensor values, IReadOnlyList<long> cuts) => Run(values, (data, _) => Pass(data, cuts, Rank, add: false), whole: true);

    public void Broadcast(Tensor values, int root) => Run(values, (data, count) =>
    {
        var last = (Rank + 1) % WorldSize == root;
        for (long at = 0; at < count; at += BlockValues)
        {
            var block = (int)Math.Min(BlockValues, count - at);
            if (Rank != root) Receive(new Span<byte>(data + at, block * sizeof(float)));
            if (!last) Enqueue(data + at, block);
        }
    });

    public void Barrier()
    {
        using var nothing = zeros(WorldSize, dtype: ScalarType.Float32);
        AllReduce(nothing);
    }

    public void Dispose()
    {
        _outgoing.CompleteAdding();
        _links.Dispose();
        _sender.Join();
        _outgoing.Dispose();
        _sent.Dispose();
    }

    /// <summary>One operation: shares are those of the whole tensor, or of pieces of it that can be addressed.</summary>
    private void Run(Tensor values, RingOperation operation, bool whole = false)
    {
        if (values.dtype != ScalarType.Float32 || values.device_type != DeviceType.CPU || !values.is_contiguous())
            throw new ArgumentException($"the ring takes contiguous fp32 values on the CPU, not {values.dtype} on {values.device_type}.", nameof(values));
        _progress?.Invoke(_operations + 1, _operations);
        var count = values.numel();
        for (long at = 0, piece; at < count; at += piece)
        {
            piece = whole ? count : Math.Min(LargestPiece, count - at);
            using var part = values.view(-1).narrow(0, at, Math.Min(LargestPiece, piece));
            operation((float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(part.bytes)), piece);
        }

        // The caller may change the values once everything has left.
        _sent.Reset();
        _outgoing.Add(default);
        _sent.Wait();
        ThrowIfBroken();
        _operations++;
        _progress?.Invoke(_operations, _operations);
    }

    /// <summary>n − 1 rounds: sends a share, receives the one before it, adds it to its own or replaces its own by it, and forwards it.</summary>
    private void Pass(float* data, IReadOnlyList<long> cuts, int first, bool add)
    {
        var (from, to) = Share(cuts, first);
        for (var at = from; at < to; at += BlockValues) Enqueue(data + at, (int)Math.Min(BlockValues, to - at));
        for (var round = 1; round < WorldSize; round++)
        {
            (from, to) = Share(cuts, first - round);
            for (var at = from; at < to; at += BlockValues)
            {
                var block = (int)Math.Min(BlockValues, to - at);
                var mine = new Span<float>(data + at, block);
                if (add)
                {
                    var incoming = _incoming.AsSpan(0, block);
                    Receive(MemoryMarshal.AsBytes(incoming));
                    TensorPrimitives.Add(mine, incoming, mine);
                }
                else
                {
                    Receive(MemoryMarshal.AsBytes(mine));
                }

                if (round < WorldSize - 1) Enqueue(data + at, block);
            }
        }
    }

    private (long From, long To) Share(IReadOnlyList<long> cuts, int rank)
    {
        var r = (rank % WorldSize + WorldSize) % WorldSize;
        return (cuts[r], cuts[r + 1]);
    }

    private void Receive(Span<byte> bytes)
    {
        try
        {
            _links.Receive(bytes);
        }
        catch (PeerLostException e)
        {
            throw _broken ?? e;
        }
    }

    private void Enqueue(float* start, int values) => _outgoing.Add(((nint)start, values * sizeof(float)));

    private void SendAll()
    {
        foreach (var (start, bytes) in _outgoing.GetConsumingEnumerable())
        {
            try
            {
                if (bytes == 0) _sent.Set();
                else if (_broken is null) _links.Send(new ReadOnlySpan<byte>((void*)start, bytes));
            }
            catch (PeerLostException e)
            {
                _broken = e;
                _links.Dispose();
            }
        }
    }

    private delegate void RingOperation(float* data, long count);
}
