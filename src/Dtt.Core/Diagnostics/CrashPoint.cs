using System.Diagnostics;

namespace Dtt.Core.Diagnostics;

/// <summary>
/// Named places where a kill hurts most. With <c>DTT_CRASH_AT=name</c> (or <c>name:3</c> for the third time) the process kills itself
/// there with SIGKILL, so that tests of recovery hit the very instant they mean.
/// </summary>
public static class CrashPoint
{
    private static readonly string? _armed = Environment.GetEnvironmentVariable("DTT_CRASH_AT");
    private static int _passed;

    /// <summary>Marks a place; does nothing unless it is the armed one.</summary>
    public static void Reach(string name)
    {
        if (_armed is null) return;
        var cut = _armed.LastIndexOf(':');
        var (place, time) = cut < 0 ? (_armed, 1) : (_armed[..cut], int.Parse(_armed[(cut + 1)..], System.Globalization.CultureInfo.InvariantCulture));
        if (place != name || Interlocked.Increment(ref _passed) != time) return;
        using var self = Process.GetCurrentProcess();
        self.Kill();
        Thread.Sleep(Timeout.Infinite);
    }
}
