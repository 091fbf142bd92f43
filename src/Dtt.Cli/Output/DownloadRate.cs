using System.Globalization;
using Dtt.Abstractions;

namespace Dtt.Cli.Output;

/// <summary>How fast a download goes and when it will be done, from what was seen of it in the last half minute.</summary>
internal sealed class DownloadRate(TimeProvider time)
{
    private static readonly TimeSpan _window = TimeSpan.FromSeconds(30);
    private readonly Queue<(DateTimeOffset At, long Bytes)> _seen = new();
    private DateTimeOffset _line = DateTimeOffset.MinValue;

    /// <summary>In words: bytes, rate, and time left.</summary>
    public string Of(DatasetProgress progress)
    {
        var now = time.GetUtcNow();
        _seen.Enqueue((now, progress.BytesDone));
        while (_seen.Count > 2 && now - _seen.Peek().At > _window) _ = _seen.Dequeue();
        var (from, bytes) = _seen.Peek();
        var rate = now > from ? (progress.BytesDone - bytes) / (now - from).TotalSeconds : 0;
        var left = rate > 0 ? TimeSpan.FromSeconds((progress.Bytes - progress.BytesDone) / rate) : (TimeSpan?)null;
        var (shown, unit) = rate < 1e5 ? (rate / 1e3, "kB/s") : (rate / 1e6, "MB/s");
        return string.Create(CultureInfo.InvariantCulture, $" {progress.BytesDone / 1e6:N1} of {progress.Bytes / 1e6:N1} MB, {shown:N1} {unit}")
            + (left is { TotalDays: < 100 } eta ? $", {(eta.TotalHours >= 1 ? $"{(int)eta.TotalHours}:{eta:mm\\:ss}" : $"{eta:m\\:ss}")} left" : "");
    }

    /// <summary>Whether a line is due where no bar is shown: one each half minute.</summary>
    public bool IsLineDue(DatasetProgress progress)
    {
        if (progress.BytesDone == 0 || time.GetUtcNow() - _line < _window) return false;
        _line = time.GetUtcNow();
        return true;
    }
}
