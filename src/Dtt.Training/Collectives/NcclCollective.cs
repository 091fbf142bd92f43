using System.Diagnostics;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Collectives;

/// <summary>
/// Collectives of GPU ranks by NCCL, on a stream of its own. Events order it against torch's stream, so the host waits for nothing. A call may still block:
/// NCCL connects to the peers in the first one. So a thread looks for peers that are
/// gone and for operations that take too long, without any lock that a call holds, and then aborts, which ends what runs on the device and what blocks the
/// host. While the ranks still join nobody looks but the host, at the rank's phase.
/// </summary>
internal sealed unsafe class NcclCollective : ICollective
{
    private static readonly TimeSpan _lookPeriod = TimeSpan.FromMilliseconds(100);
    private readonly NcclApi _nccl;
    private readonly CudaRuntime _cuda;
    private readonly Device _device;
    private readonly nint _communicator, _stream, _ready, _done;
    private readonly TimeSpan _timeout;
    private readonly Action<long, long>? _progress;
    private readonly Lock _progressGate = new();
    private readonly ManualResetEventSlim _closing = new();
    private readonly Thread _watch;
    private long _begun, _queued, _completed;   // queued: begun, and its end stands behind it on the stream
    private long _waitingSince;
    private volatile string? _broken;
    private bool _isComplete;

    /// <summary>Joins the other ranks; returns when all are there.</summary>
    /// <param name="nccl">NCCL.</param>
    /// <param name="cuda">The CUDA runtime.</param>
    /// <param name="device">Where values are.</param>
    /// <param name="id">What the ranks meet by.</param>
    /// <param name="rank">This rank.</param>
    /// <param name="worldSize">Ranks of the attempt.</param>
    /// <param name="timeout">How long an operation may take.</param>
    /// <param name="progress">Told the operations begun and completed.</param>
    /// <exception cref="PeerLostException">A peer did not come.</exception>
    public NcclCollective(
        NcclApi nccl, CudaRuntime cuda, Device device, byte[] id, int rank, int worldSize, TimeSpan timeout, Action<long, long>? progress = null)
    {
        (_nccl, _cuda, _device, Rank, WorldSize, _timeout, _progress) = (nccl, cuda, device, rank, worldSize, timeout, progress);
        _communicator = nccl.Join(id, rank, worldSize);
        (_stream, _ready, _done) = (cuda.NewStream(), cuda.NewEvent(), cuda.NewEvent());
        _watch = new Thread(Watch) { IsBackground = true, Name = "nccl watch" };
        _watch.Start();
    }

    public int Rank { get; }

    public int WorldSize { get; }

    public bool Overlaps => true;

    public void BeginAllReduce(Tensor values) => Queue(values, (data, count) => _nccl.AllReduce(data, count, _communicator, _stream));

    public void Join()
    {
        ThrowIfBroken();
        _cuda.Wait(_cuda.TorchStream(), _done);
    }

    public void AllReduce(Tensor values)
    {
        BeginAllReduce(values);
        Join();
    }

    public void ReduceScatter(Tensor values, IReadOnlyList<long> cuts) =>
        Group(values, cuts, (data, count, root) => _nccl.Reduce(data, count, root, _communicator, _stream));

    public void AllGather(Tensor values, IReadOnlyList<long> cuts) =>
        Group(values, cuts, (data, count, root) => _nccl.Broadcast(data, count, root, _communicator, _stream));

    public void Broadcast(Tensor values, int root)
    {
        Queue(values, (data, count) => _nccl.Broadcast(data, count, root, _communicator, _stream));
        Join();
    }

    public void Barrier()
    {
        using var nothing = zeros(1, dtype: ScalarType.Float32, device: _device);
        AllReduce(nothing);
        _ = Number.Of(nothing[0]);
        ThrowIfBroken();
    }

    public void ThrowIfBroken()
    {
        if (_broken is { } why) throw new PeerLostException(why);
    }

    public void Complete() => _isComplete = true;

    public void Dispose()
    {
        _closing.Set();
        _watch.Join();
        if (_isComplete && _broken is null) _nccl.Destroy(_communicator);
        else if (_broken is null) _nccl.Abort(_communicator);   // leaving with an error: peers that wait for this rank would be waited for
        _cuda.DestroyEvent(_ready);
        _cuda.DestroyEvent(_done);
        _cuda.DestroyStream(_stream);
        _closing.Dispose();
    }

    /// <summary>Shares are not all of one size, so each is an operation with its own root, all of them one group.</summary>
    private void Group(Tensor values, IReadOnlyList<long> cuts, ShareOperation operation)
    {
        Queue(values, (data, _) =>
        {
            _nccl.GroupStart();
            try
            {
                for (var root = 0; root < WorldSize; root++)
                {
                    var (from, to) = (cuts[root], cuts[root + 1]);
                    if (to > from) operation(data + from, to - from, root);
                }
            }
            finally
            {
                _nccl.GroupEnd();
            }
        });
        Join();
    }

    /// <summary>Puts an operation behind all that torch has queued so far.</summary>
    private void Queue(Tensor values, Operation operation)
    {
        ThrowIfBroken();
        if (values.dtype != ScalarType.Float32 || values.device_type != _device.type || !values.is_contiguous())
            throw new ArgumentException($"NCCL takes contiguous fp32 values on {_device.type}, not {values.dtype} on {values.device_type}.", nameof(values));
        if (Volatile.Read(ref _completed) == _begun) Volatile.Write(ref _waitingSince, Stopwatch.GetTimestamp());
        var mine = Interlocked.Increment(ref _begun);
        TellProgress();
        try
        {
            _cuda.Record(_ready, _cuda.TorchStream());
            _cuda.Wait(_stream, _ready);
            operation((float*)TensorMemory.AddressOf(values), values.numel());
            _cuda.Record(_done, _stream);
        }
        catch (PeerLostException) when (_broken is not null)
        {
            ThrowIfBroken();   // the watch's reason, not that the call was aborted
        }

        Volatile.Write(ref _queued, mine);
    }

    private void Watch()
    {
        while (!_closing.Wait(_lookPeriod) && _broken is null)
        {
            try
            {
                Look();
            }
            catch (Exception e) when (e is PeerLostException or InvalidOperationException)
            {
                Break(e.Message);
            }
        }
    }

    private void Look()
    {
        // The last end on the stream may be a later operation's than this count by now; then this one's has passed as well.
        var queued = Volatile.Read(ref _queued);
        if (_completed < queued && _cuda.HasHappened(_done))
        {
            Volatile.Write(ref _waitingSince, Stopwatch.GetTimestamp());
            Volatile.Write(ref _completed, queued);
            TellProgress();
        }

        var begun = Interlocked.Read(ref _begun);
        if (_nccl.AsyncError(_communicator) is { } error) Break($"NCCL: {error}");
        else if (_completed < begun && Stopwatch.GetElapsedTime(Volatile.Read(ref _waitingSince)) > _timeout)
            Break($"the peers did not come to collective {begun} within {_timeout.TotalMinutes:0.##} minutes");
    }

    /// <summary>Both threads tell, so neither tells what the other knows to be old.</summary>
    private void TellProgress()
    {
        lock (_progressGate) _progress?.Invoke(Interlocked.Read(ref _begun), Volatile.Read(ref _completed));
    }

    private void Break(string why)
    {
        _broken = why;
        _nccl.Abort(_communicator);
    }

    private delegate void Operation(float* data, long count);

    private delegate void ShareOperation(float* data, long count, int root);
}
