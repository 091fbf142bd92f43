using System.Diagnostics;

namespace Dtt.Tests;

/// <summary>Waits for a condition, never for a time.</summary>
internal static class Wait
{
    private static readonly TimeSpan _timeout = TimeSpan.FromMinutes(3);

    public static Task<T> ForAsync<T>(string what, Func<T?> condition) where T : struct => PollAsync(what, () => Task.FromResult(condition()));

    public static Task ForAsync(string what, Func<bool> condition) => UntilAsync(what, () => Task.FromResult(condition()));

    /// <summary>Asks until the answer is yes.</summary>
    public static Task UntilAsync(string what, Func<Task<bool>> condition) => PollAsync(what, async () => await condition() ? true : (bool?)null);

    private static async Task<T> PollAsync<T>(string what, Func<Task<T?>> condition) where T : struct
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < _timeout; await timer.WaitForNextTickAsync())
        {
            if (await condition() is { } value) return value;
        }

        throw new TimeoutException($"there was no sign of {what}.");
    }
}
