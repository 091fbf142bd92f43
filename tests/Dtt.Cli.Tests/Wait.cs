using System.Diagnostics;

namespace Dtt.Cli.Tests;

/// <summary>Waits for a condition, never for a time.</summary>
internal static class Wait
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(3);

    public static async Task<T> ForAsync<T>(string what, Func<T?> condition) where T : struct
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < _patience; await timer.WaitForNextTickAsync())
        {
            if (condition() is { } value) return value;
        }

        throw new TimeoutException($"there was no sign of {what}.");
    }

    /// <summary>Asks until the answer is yes.</summary>
    public static async Task UntilAsync(string what, Func<Task<bool>> condition)
    {
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < _patience;)
        {
            if (await condition()) return;
        }

        throw new TimeoutException($"there was no sign of {what}.");
    }

    public static Task ForAsync(string what, Func<bool> condition) => ForAsync(what, () => condition() ? true : (bool?)null);
}
