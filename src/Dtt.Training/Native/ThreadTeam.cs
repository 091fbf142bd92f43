namespace Dtt.Training.Native;

/// <summary>
/// A few threads for work of tens of microseconds, many times in a row: they look for the next piece for a moment before they sleep. Torch's own threads must be idle meanwhile, for
/// they do the same.
/// </summary>
internal sealed class ThreadTeam
{
    private const int Looks = 2000;
    private readonly ManualResetEventSlim[] _go;
    private Action<int, int> _work = (_, _) => { };
    private int _left;

    private ThreadTeam(int threads)
    {
        Size = threads;
        _go = [.. Enumerable.Range(1, threads - 1).Select(_ => new ManualResetEventSlim(false, Looks))];
        foreach (var (helper, go) in _go.Index()) new Thread(() => Help(helper + 1, go)) { IsBackground = true, Name = $"team {helper + 1}" }.Start();
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
        foreach (var go in _go) go.Set();
        work(0, Size);
        var wait = new SpinWait();
        while (Volatile.Read(ref _left) > 0) wait.SpinOnce(sleep1Threshold: -1);
    }

    private void Help(int thread, ManualResetEventSlim go)
    {
        while (true)
        {
            go.Wait();
            go.Reset();
            _work(thread, Size);
            Interlocked.Decrement(ref _left);
        }
    }
}
