using System.Diagnostics;
using System.Globalization;

namespace Dtt.Core.Diagnostics;

/// <summary>
/// Named places where a kill hurts most. With <c>DTT_CRASH_AT=name</c> (or <c>name:3</c> for the third time) the process kills itself
/// there with SIGKILL, so that tests of recovery hit the very instant they mean; with <c>name:3:abort</c> it dies as of a fault of its own.
/// </summary>
public static class CrashPoint
{
    private static readonly string? _armed = Environment.GetEnvironmentVariable("DTT_CRASH_AT");
    private static int _passed;

    /// <summary>Marks a place; does nothing unless it is the armed one.</summary>
    public static void Reach(string name)
    {
        if (_armed is null) return;
        var parts = _armed.Split(':');
        var time = parts.Length < 2 ? 1 : int.Parse(parts[1], CultureInfo.InvariantCulture);
        if (parts[0] != name || Interlocked.Increment(ref _passed) != time) return;
        if (parts is [_, _, "abort"]) Environment.FailFast($"crash point {name}");
        using var self = Process.GetCurrentProcess();
        self.Kill();
        Thread.Sleep(Timeout.Infinite);
    }
}
