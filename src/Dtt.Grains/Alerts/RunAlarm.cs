using Dtt.Core.Alerts;
using Dtt.Core.Runs;

namespace Dtt.Grains.Alerts;

/// <summary>
/// Raises the alerts of one run. That it waits is remembered in memory alone: an activation on another silo may tell of the same waiting once more.
/// </summary>
internal sealed class RunAlarm(AlertQueue queue, string folder, TimeProvider time)
{
    private DateTimeOffset? _since;
    private readonly HashSet<string> _told = [];

    /// <summary>The state has changed, and is written.</summary>
    public void Changed(DurableRun before, DurableRun after)
    {
        foreach (var alert in RunAlerts.Of(folder, before, after)) queue.Raise(alert);
    }

    /// <summary>Looks whether the run waits for long.</summary>
    /// <param name="run">The run.</param>
    /// <param name="reason">Why it waits, as far as that is known.</param>
    public void Look(DurableRun run, string? reason)
    {
        var since = RunAlerts.WaitsSince(run);
        if (since != _since) _told.Clear();
        _since = since;
        if (since is not { } start) return;
        var waited = time.GetUtcNow() - start;
        var message = $"it has waited {waited.TotalSeconds:N0} s for attempt {run.Record!.CurrentAttempt + 1}{(reason is null ? "" : $": {reason}")}";
        queue.RaiseWaiting(new Alert(AlertKind.Waiting, folder, time.GetUtcNow(), message), waited, _told);
    }
}
