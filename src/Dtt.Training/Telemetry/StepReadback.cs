using Dtt.Training.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Telemetry;

/// <summary>
/// Brings the numbers of each step from its device to the host. On a GPU they are read one step late, from a ring of pinned memory with an event behind
/// each copy: while the host waits for a step the next one is queued already, so the device never waits for the host. How long a step took is then what the
/// GPU's clock says, for by the host's one that is read with the next one takes no time. On a CPU numbers are there at once.
/// </summary>
internal sealed class StepReadback : IDisposable
{
    private readonly Slot[] _ring;
    private readonly int _lag;
    private readonly TimeProvider _time;
    private long _queued, _read, _readAt;

    /// <summary>An empty ring.</summary>
    /// <param name="device">Where steps are computed.</param>
    /// <param name="lag">How many steps late they are read; null: 1 on a GPU, 0 on a CPU.</param>
    /// <param name="time">The clock of <see cref="StepNumbers.Seconds"/> on a CPU; null: the system's.</param>
    /// <param name="cuda">That of a GPU; null: libtorch's, on a GPU.</param>
    public StepReadback(Device device, int? lag = null, TimeProvider? time = null, CudaRuntime? cuda = null)
    {
        var onGpu = device.type == DeviceType.CUDA;
        cuda ??= onGpu ? CudaRuntime.Loaded : null;
        (_lag, _time) = (lag ?? (onGpu ? 1 : 0), time ?? TimeProvider.System);
        _ring = [.. Enumerable.Range(0, _lag + 2).Select(_ => new Slot(cuda, pinned: onGpu))];   // the one before the oldest unread says when that began
    }

    /// <summary>Whether steps are queued that were not read.</summary>
    public bool HasUnread => _queued > _read;

    /// <summary>A step begins: the clock of the one that is queued next.</summary>
    public void Begin() => SlotOf(_queued).Begin(_time.GetTimestamp(), follows: HasUnread);

    /// <summary>Queues the copy of a step's numbers behind the step, and waits for nothing; the one <c>lag</c> steps before must have been read.</summary>
    /// <param name="step">The step.</param>
    /// <param name="numbers">(4) fp32: summed loss, ranks that were asked to stop, whether a save is due, gradient's norm.</param>
    public void Queue(QueuedStep step, Tensor numbers) => SlotOf(_queued++).Fill(step, numbers);

    /// <summary>The steps that are due, oldest first, each once.</summary>
    /// <param name="all">Whether the newest ones are waited for, too.</param>
    public IEnumerable<StepNumbers> Read(bool all = false)
    {
        while (_queued - _read > (all ? 0 : _lag))
        {
            var (slot, before) = (SlotOf(_read), _read > 0 ? SlotOf(_read - 1) : null);
            var (loss, stops, saves, norm) = slot.Values();
            var since = Math.Max(slot.BegunAt, _readAt);
            (_read, _readAt) = (_read + 1, _time.GetTimestamp());
            var seconds = slot.SecondsAfter(before) ?? _time.GetElapsedTime(since, _readAt).TotalSeconds;
            yield return new StepNumbers(slot.Step, loss, norm, stops > 0, saves > 0, seconds);
        }
    }

    public void Dispose()
    {
        foreach (var slot in _ring) slot.Dispose();
    }

    private Slot SlotOf(long step) => _ring[step % _ring.Length];

    private sealed class Slot : IDisposable
    {
        private readonly Tensor _host;
        private readonly CudaRuntime? _cuda;
        private readonly nint _begun, _copied;
        private bool _follows;

        public Slot(CudaRuntime? cuda, bool pinned)
        {
            _cuda = cuda;
            using var scope = NewDisposeScope();
            var host = zeros(4, dtype: ScalarType.Float32);
            _host = (pinned ? host.pin_memory() : host).DetachFromDisposeScope();
            if (cuda is not null) (_begun, _copied) = (cuda.NewEvent(timed: true), cuda.NewEvent(timed: true));
        }

        public QueuedStep Step { get; private set; }

        public long BegunAt { get; private set; }

        /// <summary>The step begins; <paramref name="follows"/>: while the one before is under way.</summary>
        public void Begin(long at, bool follows)
        {
            (BegunAt, _follows) = (at, follows);
            Record(_begun);
        }

        public void Fill(QueuedStep step, Tensor numbers)
        {
            using var noGrad = no_grad();
            Step = step;
            _host.copy_(numbers, nonBlocking: true);
            Record(_copied);
        }

        /// <summary>Seconds that the step took on the GPU: from its begin, or from the end of the one before it; null: the GPU does not tell.</summary>
        public double? SecondsAfter(Slot? before) => _cuda?.SecondsBetween(_follows && before is not null ? before._copied : _begun, _copied);

        public (float Loss, float Stops, float Saves, float Norm) Values()
        {
            _cuda?.Synchronize(_copied);
            var values = _host.data<float>();
            return (values[0], values[1], values[2], values[3]);
        }

        public void Dispose()
        {
            _host.Dispose();
            _cuda?.DestroyEvent(_begun);
            _cuda?.DestroyEvent(_copied);
        }

        private void Record(nint happened) => _cuda?.Record(happened, _cuda.TorchStream());
    }
}

/// <summary>A step that is queued on its device.</summary>
/// <param name="Step">Steps done once it is.</param>
/// <param name="LearningRate">Its rate.</param>
/// <param name="Phases">The phases that were timed, seconds.</param>
internal readonly record struct QueuedStep(long Step, double LearningRate, IReadOnlyDictionary<string, double> Phases);

/// <summary>What a step computed.</summary>
/// <param name="Queued">The step.</param>
/// <param name="LossSum">Loss summed over its tokens, nats.</param>
/// <param name="GradNorm">The gradient's 2-norm before clipping.</param>
/// <param name="StopRequested">Whether a rank was asked to stop before its end.</param>
/// <param name="SaveRequested">Whether rank 0 found a save to be due by the clock.</param>
/// <param name="Seconds">How long it took: from its begin, or from the step before it where the two overlapped, to its numbers.</param>
internal sealed record StepNumbers(QueuedStep Queued, float LossSum, float GradNorm, bool StopRequested, bool SaveRequested, double Seconds);
