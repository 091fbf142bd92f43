using Dtt.Core.Runs;

namespace Dtt.Grains.Queue;

/// <summary>The queue's decisions as pure functions: order and priority, nothing about devices.</summary>
public static class QueueDecider
{
    /// <summary>
    /// Queues a run. A recovering run (any attempt after the first) comes before those that never ran; one that is queued already keeps its place,
    /// and asks for what it wants now.
    /// </summary>
    public static QueueState Enqueue(
        QueueState state, string run, int attempt, int priority, DeviceRequest request, DateTimeOffset now, DateTimeOffset? notBefore = null)
    {
        var there = state.Entries.FirstOrDefault(e => e.Run == run);
        if (there?.Attempt > attempt) return state;
        var entry = new QueueEntry(run, attempt, priority, request, there?.Since ?? now) { NotBefore = notBefore };
        return entry == there ? state : state with { Entries = [.. state.Entries.Where(e => e.Run != run), entry] };
    }

    /// <summary>Removes a run from the queue; with an attempt, only when it waits for no later one.</summary>
    public static QueueState Dequeue(QueueState state, string run, int attempt = int.MaxValue) =>
        state.Entries.Any(e => e.Run == run && e.Attempt <= attempt)
            ? state with { Entries = [.. state.Entries.Where(e => e.Run != run || e.Attempt > attempt)] }
            : state;

    /// <summary>The queue in order: by priority, then those that ran already, then by time.</summary>
    public static IReadOnlyList<QueueEntry> Order(QueueState state) =>
        [.. state.Entries.OrderByDescending(e => e.Priority).ThenBy(e => e.Attempt == 1).ThenBy(e => e.Since).ThenBy(e => e.Run, StringComparer.Ordinal)];
}
