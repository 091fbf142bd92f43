using System.Collections.Concurrent;
using System.Diagnostics;

namespace Dtt.Tests;

/// <summary>A node of a test's cluster: a real silo in the foreground, as a job starts it.</summary>
public sealed class ClusterNode : IDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<(long At, string Line)> _log = new();
    private readonly TaskCompletionSource<bool> _serves = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ClusterNode(ProcessStartInfo start)
    {
        (start.RedirectStandardOutput, start.RedirectStandardError) = (true, true);
        _process = System.Diagnostics.Process.Start(start)!;
        _process.OutputDataReceived += (_, e) => Note(e.Data);
        _process.ErrorDataReceived += (_, e) =>
        {
            Note(e.Data);
            if (e.Data is null || e.Data.StartsWith("serving ", StringComparison.Ordinal)) _serves.TrySetResult(e.Data is not null);
        };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Its process.</summary>
    public int Process => _process.Id;

    /// <summary>Whether it serves; false: it ended before, and <see cref="Log"/> says why.</summary>
    public Task<bool> ServesAsync() => _serves.Task;

    /// <summary>What it said.</summary>
    public string Log => string.Join('\n', _log.Select(l => l.Line));

    /// <summary>When it first said something, as a <see cref="Stopwatch"/> counts; of what it says over and over, the first time after another time.</summary>
    public Task<long> SaidAsync(string text, long after = 0) => Wait.ForAsync(
        $"'{text}'", () => _log.Where(l => l.At > after && l.Line.Contains(text, StringComparison.Ordinal)).Select(l => (long?)l.At).FirstOrDefault());

    public async Task<int> ExitAsync()
    {
        var exit = _process.WaitForExitAsync(); // with all that it said
        await Wait.ForAsync("the silo's end", () => exit.IsCompleted);
        return _process.ExitCode;
    }

    public async Task SignalAsync(string signal)
    {
        using var kill = System.Diagnostics.Process.Start("kill", [$"-{signal}", $"{Process}"]);
        await kill.WaitForExitAsync();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private void Note(string? line)
    {
        if (line is not null) _log.Enqueue((Stopwatch.GetTimestamp(), line));
    }
}
