namespace Dtt.Core.Runs;

/// <summary>
/// Where a run's time went: how much of it was in steps that stand in the curve, and what the rest went into. The time in which a run was stopped, failed or
/// complete is not its time.
/// </summary>
public sealed record Goodput
{
    /// <summary>The run's time: since its creation, without the time in which it was not to go on, seconds.</summary>
    public required double Seconds { get; init; }

    /// <summary>In steps that stand in the curve, seconds.</summary>
    public required double UsefulSeconds { get; init; }

    /// <summary>The rest, seconds; what took no time is absent.</summary>
    public required IReadOnlyDictionary<LostTime, double> LostSeconds { get; init; }

    /// <summary>The time of all attempts, each times its nodes, hours.</summary>
    public required double NodeHours { get; init; }

    /// <summary>The useful share of the run's time, 0–1; 0 when there was none yet.</summary>
    public double Share => Seconds > 0 ? UsefulSeconds / Seconds : 0;

    /// <summary>Accounts for a run's time.</summary>
    /// <param name="record">The run.</param>
    /// <param name="events">Its events, oldest first: they tell when ranks were ready, and when the run was stopped or resumed while it waited.</param>
    /// <param name="steps">What the metrics of each attempt add up to, in the attempts' order.</param>
    /// <param name="now">The time.</param>
    public static Goodput Of(RunRecord record, IReadOnlyList<RunEvent> events, IReadOnlyList<AttemptSeconds> steps, DateTimeOffset now)
    {
        var (lost, nodeHours) = (new SortedDictionary<LostTime, double>(), 0.0);
        var (since, reason) = (record.CreatedAt, (LostTime?)LostTime.Waiting);
        foreach (var (attempt, sums) in record.Attempts.Zip(steps))
        {
            Wait(since, attempt.StartedAt, reason);
            var end = EndOf(attempt, events, now);
            var seconds = (end - attempt.StartedAt).TotalSeconds;
            var ready = events.FirstOrDefault(e => e.Kind == EventKinds.Started && e.At >= attempt.StartedAt && e.At <= end)?.At;
            var starting = ready is { } at ? (at - attempt.StartedAt).TotalSeconds : attempt.FromStep is null ? seconds : 0;
            Lose(LostTime.Starting, starting);
            Lose(LostTime.Again, sums.Again);
            Lose(LostTime.Saving, sums.Saving);
            Lose(LostTime.Other, seconds - starting - sums.Useful - sums.Again - sums.Saving);
            nodeHours += seconds / 3600 * Math.Max(1, attempt.Nodes);
            (since, reason) = (end, end < attempt.EndedAt ? null : After(attempt));
        }

        Wait(since, now, reason);
        var useful = steps.Sum(s => s.Useful);
        return new Goodput { Seconds = useful + lost.Values.Sum(), UsefulSeconds = useful, LostSeconds = lost, NodeHours = nodeHours };

        // No attempt lives. A stop makes it time that is not the run's; a resume makes it waiting.
        void Wait(DateTimeOffset from, DateTimeOffset until, LostTime? why)
        {
            foreach (var e in events.Where(e => e.At >= from && e.At < until))
            {
                if (e.Kind is not (EventKinds.Stopped or EventKinds.Adopted or EventKinds.Resumed)) continue;
                if (why is { } lostTo) Lose(lostTo, (e.At - from).TotalSeconds);
                (from, why) = (e.At, e.Kind == EventKinds.Resumed ? LostTime.Waiting : null);
            }

            if (why is { } rest) Lose(rest, (until - from).TotalSeconds);
        }

        void Lose(LostTime to, double seconds)
        {
            if (seconds > 0) lost[to] = lost.GetValueOrDefault(to) + seconds;
        }
    }

    /// <summary>When an attempt ended. One whose platform never said so was left behind by an adoption: it ended after its last event.</summary>
    private static DateTimeOffset EndOf(RunAttempt attempt, IReadOnlyList<RunEvent> events, DateTimeOffset now)
    {
        var end = attempt.EndedAt ?? now;
        if (events.FirstOrDefault(e => e.Kind == EventKinds.Adopted && e.At > attempt.StartedAt && e.At < end) is not { } adopted) return end;
        return events.LastOrDefault(e => e.At >= attempt.StartedAt && e.At < adopted.At)?.At ?? attempt.StartedAt;
    }

    /// <summary>What the time after an attempt goes into; null: it is not the run's.</summary>
    private static LostTime? After(RunAttempt attempt) => attempt switch
    {
        { EndState: not (RunState.Recovering or RunState.Interrupted) } => null,
        { Cause: null } => LostTime.Move,
        { Cause.Hung: true } => LostTime.Hang,
        { Cause.Kind: DeathKind.Outside } => LostTime.Kill,
        { Cause.Kind: DeathKind.Silo } => LostTime.SiloDeath,
        _ => LostTime.RankDeath,
    };
}
