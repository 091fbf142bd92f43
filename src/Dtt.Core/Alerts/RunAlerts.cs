using Dtt.Core.Runs;

namespace Dtt.Core.Alerts;

/// <summary>Which alerts a run raises, as pure functions over its state.</summary>
public static class RunAlerts
{
    /// <summary>The alerts of a change of the state: whoever wrote it raises them, so each is raised once.</summary>
    public static IEnumerable<Alert> Of(string folder, DurableRun before, DurableRun after)
    {
        foreach (var e in after.Events.Where(e => e.Number > before.LastEvent).Select(e => e.Event))
        {
            var alert = e.Kind switch
            {
                EventKinds.Failed => (AlertKind.Failed, e.Message),
                EventKinds.Completed => (AlertKind.Completed, e.Message),
                EventKinds.Died when after.Record!.Attempts[^1].Cause is { Hung: true } => (AlertKind.Hung, e.Message),
                EventKinds.Started when Death(after.Record!) is { } cause => (AlertKind.Recovered, $"{e.Message}; before, {cause.How}"),
                _ => ((AlertKind, string)?)null,
            };
            if (alert is var (kind, message)) yield return new Alert(kind, folder, e.At, message);
        }
    }

    /// <summary>Since when a run waits for devices, or null.</summary>
    public static DateTimeOffset? WaitsSince(DurableRun run)
    {
        if (run.Record is not { State: RunState.Queued or RunState.Recovering } record) return null;
        DateTimeOffset?[] times =
        [
            record.CreatedAt, record.Attempts.LastOrDefault()?.EndedAt, run.Events.LastOrDefault(e => e.Event.Kind == EventKinds.Resumed)?.Event.At,
        ];
        return times.Max();
    }

    /// <summary>Why the attempt before the current one died, when the run then went on by itself.</summary>
    private static CauseCard? Death(RunRecord record) =>
        record.Attempts is [.., { EndState: RunState.Recovering or RunState.Interrupted } last, _] ? last.Cause : null;
}
