using System.Runtime.ExceptionServices;

namespace Dtt.Training.Checkpoints;

/// <summary>
/// Work that is done at once, each part on a thread with the caller's own priority, as those of a pool do not have; or, where others want the cores, as
/// training on a CPU does, one part after the other.
/// </summary>
internal static class SideBySide
{
    /// <summary>Runs all to their ends, the first on this thread.</summary>
    /// <param name="atOnce">Whether cores are free for it.</param>
    /// <param name="parts">What is done.</param>
    /// <exception cref="Exception">What the first of those that failed threw.</exception>
    public static void Run(bool atOnce, params ReadOnlySpan<Action> parts)
    {
        if (!atOnce)
        {
            foreach (var part in parts) part();
            return;
        }

        var failures = new ExceptionDispatchInfo?[parts.Length];
        void Do(int i, Action part)
        {
            try
            {
                part();
            }
            catch (Exception e)
            {
                failures[i] = ExceptionDispatchInfo.Capture(e);
            }
        }

        var threads = new List<Thread>();
        for (var i = 1; i < parts.Length; i++)
        {
            var (at, part) = (i, parts[i]);
            var thread = new Thread(() => Do(at, part)) { IsBackground = true, Name = "checkpoint" };
            thread.Start();
            threads.Add(thread);
        }

        Do(0, parts[0]);
        foreach (var thread in threads) thread.Join();
        Array.Find(failures, f => f is not null)?.Throw();
    }
}
