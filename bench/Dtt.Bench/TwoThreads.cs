using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Dtt.Bench;

/// <summary>
/// What two threads do together of what they do alone, each on a core of its own: cores that are shared with others are not equally fast, and a thread that
/// moves between them measures that.
/// </summary>
internal static partial class TwoThreads
{
    /// <summary>The rate of both together over the mean of their rates alone, 2 at best, for each of some turns.</summary>
    /// <param name="first">The first thread's work.</param>
    /// <param name="second">The second thread's, as long.</param>
    /// <param name="turns">How often each is done alone and together.</param>
    public static List<double> Gain(Action first, Action second, int turns)
    {
        using var turn = new Barrier(2);
        var rates = new (double Alone, double Together)[2][];
        void Work(int core, Action work, bool leads)
        {
            var mask = (nuint)1 << core;
            if (SchedSetAffinity(0, (nuint)nuint.Size, in mask) != 0)
                throw new InvalidOperationException($"This process may not run on core {core}: cores 0 and 1 are measured.");
            var mine = rates[core] = new (double, double)[turns];
            for (var i = 0; i < turns; i++)
            {
                if (!leads) turn.SignalAndWait();
                var alone = Rate(work);
                if (leads) turn.SignalAndWait();
                turn.SignalAndWait();
                mine[i] = (alone, Rate(work));
                turn.SignalAndWait();
            }
        }

        var threads = new[] { new Thread(() => Work(0, first, leads: true)), new Thread(() => Work(1, second, leads: false)) };
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        return [.. rates[0].Zip(rates[1], (a, b) => 2 * (a.Together + b.Together) / (a.Alone + b.Alone))];
    }

    private static double Rate(Action work)
    {
        var from = Stopwatch.GetTimestamp();
        work();
        return 1 / Stopwatch.GetElapsedTime(from).TotalSeconds;
    }

    [LibraryImport("libc", EntryPoint = "sched_setaffinity")]
    private static partial int SchedSetAffinity(int thread, nuint size, in nuint mask);
}
