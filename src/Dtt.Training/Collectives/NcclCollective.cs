using Dtt.Training.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Collectives;

/// <summary>
/// Collectives of GPU ranks by NCCL, on a stream of its own. Events order it against torch's stream, so the host waits for nothing; a thread looks for peers that are gone and for operations that take too
/// long, and then gives up, which ends what runs on the device.
/// </summary>
internal sealed unsafe class NcclCollective : ICollective
{
    private static readonly TimeSpan _lookPeriod = TimeSpan.FromMilliseconds(100);
    private readonly nint _communicator, _stream, _ready, _done;
    private readonly TimeSpan _patience;
    private readonly Action<long, long>? _progress;
    private readonly Lock _gate = new();
    private readonly ManualResetEventSlim _closing = new();
    private readonly Thread _watch;
    private long _begun, _completed;
    private DateTime _waitingSince;
    private volatile string? _broken;

    /// <summary>Joins the other ranks; returns when all are there.</summary>
    /// <param name="id">What they meet by.</param>
    /// <param name="rank">This rank.</param>
    /// <param name="worldSize">Ranks of the attempt.</param>
    /// <param name="patience">How long an operation may take.</param>
    /// <param name="progress">Told the operations begun and completed.</param>
    /// <exception cref="PeerLostException">A peer did not come.</exception>
    public NcclCollective(byte[] id, int rank, int worldSize, TimeSpan patience, Action<long, long>? progress = null)
    {
        (Rank, WorldSize, _patience, _progress) = (rank, worldSize, patience, progress);
        _communicator = NcclApi.Join(id, rank, worldSize);
        (_stream, _ready, _done) = (CudaRuntime.NewStream(), CudaRuntime.NewEvent(), CudaRuntime.NewEvent());
        _watch = new Thread(Watch) { IsBackground = true, Name = "nccl watch" };
        _watch.Start();
    }

    public int Rank { get; }

    public int WorldSize { get; }

    public bool Overlaps => true;

    public void BeginAllReduce(Tensor values) => Queue(values, (data, count) => NcclApi.AllReduce(data, count, _communicator, _stream));

    public void Join()
    {
        ThrowIfBroken();
        CudaRuntime.Wait(CudaRuntime.TorchStream(), _done);
    }

    public void AllReduce(Tensor values)
    {
        BeginAllReduce(values);
        Join();
    }

    public void ReduceScatter(Tensor values, IReadOnlyList<long> cuts) => Group(values, cuts, (data, count, root) => NcclApi.Reduce(data, count, root, _communicator, _stream));

    public void AllGather(Tensor values, IReadOnlyList<long> cuts) => Group(values, cuts, (data, count, root) => NcclApi.Broadcast(data, count, root, _communicator, _stream));

    public void Broadcast(Tensor values, int root)
    {
        Queue(values, (data, count) => NcclApi.Broadcast(data, count, root, _communicator, _stream));
        Join();
    }

    public void Barrier()
    {
        using var nothing = zeros(1, dtype: ScalarType.Float32, device: CUDA);
        AllReduce(nothing);
        _ = Number.Of(nothing[0]);
        ThrowIfBroken();
    }

    public void ThrowIfBroken()
    {
        if (_broken is { } why) throw new PeerLostException(why);
    }

    public void Dispose()
    {
        _closing.Set();
        _watch.Join();
        if (_broken is null) NcclApi.Destroy(_communicator);
        CudaRuntime.DestroyEvent(_ready);
        CudaRuntime.DestroyEvent(_done);
        CudaRuntime.DestroyStream(_stream);
        _closing.Dispose();
    }

    /// <summary>Shares are not all of one size, so each is an operation with its own root, all of them one group.</summary>
    private void Group(Tensor values, IReadOnlyList<long> cuts, ShareOperation operation)
    {
        Queue(values, (data, _) =>
        {
            NcclApi.GroupStart();
            for (var root = 0; root < WorldSize; root++)
            {
                var (from, to) = (cuts[root], cuts[root + 1]);
                if (to > from) operation(data + from, to - from, root);
            }

            NcclApi.GroupEnd();
        });
        Join();
    }

    /// <summary>Puts an operation behind all that torch has queued so far.</summary>
    private void Queue(Tensor values, Operation operation)
    {
        ThrowIfBroken();
        if (values.dtype != ScalarType.Float32 || values.device_type != DeviceType.CUDA || !values.is_contiguous())
            throw new ArgumentException($"NCCL takes contiguous fp32 values on a GPU, not {values.dtype} on {values.device_type}.", nameof(values));
        lock (_gate)
        {
            if (_completed == _begun) _waitingSince = DateTime.UtcNow;
            _progress?.Invoke(++_begun, _completed);
            CudaRuntime.Record(_ready, CudaRuntime.TorchStream());
            CudaRuntime.Wait(_stream, _ready);
            operation((float*)TensorMemory.AddressOf(values), values.numel());
            CudaRuntime.Record(_done, _stream);
        }
    }

    private void Watch()
    {
        while (!_closing.Wait(_lookPeriod) && _broken is null)
        {
            try
            {
                lock (_gate) Look();
            }
            catch (Exception e) when (e is PeerLostException or InvalidOperationException)
            {
                Break(e.Message);
            }
        }
    }

    private void Look()
    {
        if (_completed < _begun && CudaRuntime.HasHappened(_done))
        {
            _completed = _begun;
            _progress?.Invoke(_begun, _completed);
        }

        if (NcclApi.AsyncError(_communicator) is { } error) Break($"NCCL: {error}");
        else if (_completed < _begun && DateTime.UtcNow - _waitingSince > _patience) Break($"the peers did not come to collective {_begun} within {_patience.TotalMinutes:0} minutes");
    }

    private void Break(string why)
    {
        _broken = why;
        NcclApi.Abort(_communicator);
    }

    private delegate void Operation(float* data, long count);

    private delegate void ShareOperation(float* data, long count, int root);
}
