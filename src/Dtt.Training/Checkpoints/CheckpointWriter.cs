using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Dtt.Training.Checkpoints;

/// <summary>Writes checkpoints beside training, one at a time, on a thread of lower priority: a step that wants all cores gets them.</summary>
internal sealed partial class CheckpointWriter : IDisposable
{
    private const int PrioProcess = 0, Niceness = 19;
    private Thread? _thread;
    private ExceptionDispatchInfo? _failure;

    /// <summary>Starts a write; one that is still going on is waited for.</summary>
    /// <param name="write">Writes one checkpoint; what it throws comes out of the next call here.</param>
    /// <param name="yields">Whether others' work goes first; not when training waits for it.</param>
    public void Begin(Action write, bool yields = true)
    {
        Wait();
        _thread = new Thread(() =>
        {
            if (yields) _ = SetPriority(PrioProcess, 0, Niceness); // Linux: of this thread alone
            try
            {
                write();
            }
            catch (Exception e)
            {
                Volatile.Write(ref _failure, ExceptionDispatchInfo.Capture(e));
            }
        })
        { IsBackground = true, Name = "checkpoint" };
        _thread.Start();
    }

    /// <summary>Waits until nothing is being written.</summary>
    public void Wait()
    {
        _thread?.Join();
        _thread = null;
        ThrowIfFailed();
    }

    /// <summary>Throws what the last write failed with, once.</summary>
    public void ThrowIfFailed() => Interlocked.Exchange(ref _failure, null)?.Throw();

    /// <summary>Waits for the write to end.</summary>
    public void Dispose() => _thread?.Join();

    [LibraryImport("libc", EntryPoint = "setpriority", SetLastError = true)]
    private static partial int SetPriority(int which, uint who, int niceness);
}
