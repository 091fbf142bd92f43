using System.Diagnostics;

namespace Dtt.Training.Native;

/// <summary>
/// A few threads for work of tens of microseconds, many times in a row: they look for the next piece for a moment before they sleep, for waking costs as much as the work.
/// </summary>
internal sealed class ThreadTeam
{
    private const int Spins = 16;
    private static readonly long _patience = Stopwatch.Frequency / 2000; // half a millisecond
    private readonly object _gate = new();
    private Action<int, int> _work = (_, _) => { };
    private int _round, _left, _sleeping, _waiting, _barrier;

    private ThreadTeam(int threads)
    {
        Size = threads;
        for (var helper = 1; helper < threads; helper++)
        {
            var thread = helper;
            new Thread(() => Help(thread)) { IsBackground = true, Name = $"team {thread}" }.Start();
        }
    }

    /// <summary>As many threads as torch has; they live as long as the process.</summary>
    public static ThreadTeam Shared { get; } = new(TorchRuntime.Threads);

    /// <summary>Threads, the caller among them.</summary>
    public int Size { get; }

    /// <summary>Runs work(thread, <see cref="Size"/>) on every thread and returns when all are done. One caller at a time.</summary>
    public void Run(Action<int, int> work)
    {
        _work = work;
        Volatile.Write(ref _left, Size - 1);
        Interlocked.Increment(ref _round);
        if (Volatile.Read(ref _sleeping) > 0)
        {
            lock (_gate) Monitor.PulseAll(_gate);
        }

        work(0, Size);
        var since = Stopwatch.GetTimestamp();
        while (Volatile.Read(ref _left) > 0) Pause(since);
    }

    /// <summary>For the work itself: returns when every thread has come here.</summary>
    public void Barrier()
    {
        var (seen, since) = (Volatile.Read(ref _barrier), Stopwatch.GetTimestamp());
        if (Interlocked.Increment(ref _waiting) == Size)
        {
            Volatile.Write(ref _waiting, 0);
            Volatile.Write(ref _barrier, seen + 1);
        }

        while (Volatile.Read(ref _barrier) == seen) Pause(since);
    }

    private static void Pause(long since)
    {
        if (Stopwatch.GetTimestamp() - since < _patience) Thread.SpinWait(Spins);
        else Thread.Yield(); // another thread has no core just now
    }

    private void Help(int thread)
    {
        for (var seen = 0; ; seen++)
        {
            var since = Stopwatch.GetTimestamp();
            while (Volatile.Read(ref _round) == seen)
            {
                if (Stopwatch.GetTimestamp() - since < _patience) Thread.SpinWait(Spins);
                else Sleep(seen);
            }

            _work(thread, Size);
            Interlocked.Decrement(ref _left);
        }
    }

    /// <summary>Sleeps until the round is another. Who starts one looks for sleepers after he has counted it, and a sleeper looks at the count after he has said so: one of them sees the other.</summary>
    private void Sleep(int seen)
    {
        Interlocked.Increment(ref _sleeping);
        lock (_gate)
        {
            while (Volatile.Read(ref _round) == seen) Monitor.Wait(_gate);
        }

        Interlocked.Decrement(ref _sleeping);
    }
}
