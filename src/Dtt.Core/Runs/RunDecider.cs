using Dtt.Core.Ranks;

namespace Dtt.Core.Runs;

/// <summary>
/// The decisions of a run as pure functions: attempts, commits, retention, recovery, stopping and deletion. Every input may come late, twice or
/// never.
/// </summary>
public static class RunDecider
{
    /// <summary>Decides.</summary>
    /// <param name="state">The run.</param>
    /// <param name="input">What happened.</param>
    /// <param name="leased">Steps whose checkpoints somebody reads.</param>
    /// <param name="now">The time.</param>
    public static RunDecision Decide(DurableRun state, RunInput input, IReadOnlySet<long> leased, DateTimeOffset now)
    {
        var decision = DecideOn(state, input, leased, now);
        return decision with { State = decision.State.Trimmed(state.LastEvent) };
    }

    private static RunDecision DecideOn(DurableRun state, RunInput input, IReadOnlySet<long> leased, DateTimeOffset now) => input switch
    {
        RunInput.Create create => Create(state, create, now),
        RunInput.Adopt adopt => Adopt(state, adopt.Found, now),
        _ when state.Record is null => Refuse(state, "there is no such run; `dtt runs` lists them"),
        RunInput.Resume resume => Resume(state, resume, now),
        RunInput.Stop => Stop(state, now),
        RunInput.Skip skip => LeavingOut.Skip(state, skip, leased, now),
        RunInput.Pin pin => Pin(state, pin),
        RunInput.Delete => Delete(state, leased),
        RunInput.Granted granted => Granted(state, granted, now),
        RunInput.Reported reported => Reported(state, reported, now),
        RunInput.Commit commit => Commit(state, commit.Checkpoint, leased, now),
        RunInput.Ended ended => AttemptEnding.Ended(state, ended.Node, ended.End, now),
        RunInput.SiloDied died => AttemptEnding.SiloDied(state, died.Node, now),
        RunInput.Grow grow => AttemptEnding.Grow(state, grow, now),
        RunInput.CheckpointsDeleted deleted => new RunDecision(state with { ToDelete = [.. state.ToDelete.Except(deleted.Folders)] }),
        _ => throw new ArgumentOutOfRangeException(nameof(input)),
    };

    /// <summary>What the state still asks for: done when the run is activated and by its timer, in case an effect was lost.</summary>
    public static IReadOnlyList<RunEffect> Pending(DurableRun state)
    {
        var effects = new List<RunEffect>();
        if (state.Record is null) return effects;
        if (state.Deleting) return [new RunEffect.Erase()];
        if (state.Record.State == RunState.Queued) effects.AddRange([new RunEffect.SetReminder(true), new RunEffect.JoinExperiment()]);
        if (state.Record.State is RunState.Queued or RunState.Recovering)
            effects.Add(new RunEffect.Enqueue(state.Record.CurrentAttempt + 1, state.NotBefore));
        if (state.Record.State == RunState.Preparing) effects.AddRange(Living(state).Select(p => new RunEffect.Launch(p)));
        if (state.IsActive && state.RanksAreToLeave) effects.AddRange(StopRanks(state));
        effects.AddRange(DeleteForgotten(state));
        return effects;
    }

    private static RunDecision Create(DurableRun state, RunInput.Create create, DateTimeOffset now) => state.Record is not null
        ? Refuse(state, "the name is in use")
        : new RunDecision(new DurableRun
        {
            Request = create.Request,
            Record = new RunRecord
            {
                Version = 0,
                Run = create.Run,
                State = RunState.Queued,
                CreatedAt = now,
            },
        }, new RunEffect.SetReminder(true), new RunEffect.JoinExperiment(), new RunEffect.Enqueue(1))
        { Accepted = true };

    /// <summary>
    /// Adopts a run: the state in its folder becomes this run's. One that is known already is replaced where the folder's has gone on further, elsewhere.
    /// </summary>
    private static RunDecision Adopt(DurableRun state, Adoption found, DateTimeOffset now)
    {
        if (state.Record is not null && (state.IsActive || state.Deleting || found.Run.LastEvent <= state.LastEvent))
            return Refuse(state, "the platform already has this run");
        var record = found.Run.Record! with { Version = state.Record?.Version ?? 0 };
        var adopted = found.Run with
        {
            Record = record.State.IsActive() ? record with { State = RunState.Interrupted } : record,
            Placements = [],
            StopRequested = false,
            Growing = false,
            LeavesOutFrom = null,
            Deleting = false,
            LastReport = 0,
        };
        adopted = found.Notes.Aggregate(adopted, (run, note) => run.Noted(now, EventKinds.Adopted, note));
        return new RunDecision(adopted, new RunEffect.JoinExperiment()) { Accepted = true };
    }

    private static RunDecision Resume(DurableRun state, RunInput.Resume resume, DateTimeOffset now)
    {
        if (state.Deleting) return Refuse(state, "it is being deleted");
        if (state.Request!.TokensFolder.Length == 0)
            return Refuse(state, $"it is an import, without data; begin a new run from its weights: `dtt train --set init_from={state.Record!.Run}`");
        var length = resume.Length is { Count: > 0 } other ? other : null;
        if (state.Record!.State == RunState.Completed && length is null)
            return Refuse(state, $"it is complete: all {state.Record.TotalSteps:N0} steps are done");
        if (state is { IsActive: true, StopRequested: true }) return Refuse(state, "it is stopping; resume it once it has stopped");
        if (state.IsActive && length is not null) return Refuse(state, $"it is running; stop it with `dtt stop {state.Record.Run}` before its length changes");
        if (state.IsActive) return new RunDecision(state) { Accepted = true };
        if (length is not null && RunRules.WhyNoOtherLength(state.Record, state.Request!, length) is { } reason) return Refuse(state, reason);

        var request = length is null ? state.Request! : state.Request!.WithLength(length);
        var resumed = state with
        {
            Record = state.Record with { State = RunState.Queued },
            Request = (resume.Ranks is { } ranks ? request.WithRanks(ranks) : request) with { Environment = resume.Environment },
            FailureCode = 0,
            NotBefore = null,
        };
        var next = state.Record.CurrentAttempt + 1;
        resumed = resumed.Noted(now, EventKinds.Resumed, $"waiting for attempt {next}");
        return new RunDecision(resumed, new RunEffect.SetReminder(true), new RunEffect.Enqueue(next))
        { Accepted = true };
    }

    private static RunDecision Stop(DurableRun state, DateTimeOffset now)
    {
        if (!state.IsActive) return new RunDecision(state);
        if (state.Placements.Count > 0) return new RunDecision(state with { StopRequested = true }, StopRanks(state));
        var stopped = state with { Record = state.Record! with { State = RunState.Stopped } };
        return new RunDecision(stopped.Noted(now, EventKinds.Stopped, "stopped on request while it was queued"),
            new RunEffect.Dequeue(), new RunEffect.SetReminder(false));
    }

    private static RunDecision Pin(DurableRun state, RunInput.Pin pin)
    {
        var checkpoints = state.Record!.Checkpoints;
        if (checkpoints.Count == 0) return Refuse(state, "it has no checkpoint yet");
        if (checkpoints.All(c => c.Step != pin.Step))
            return Refuse(state, $"it has no checkpoint of step {pin.Step}; it has {string.Join(", ", checkpoints.Select(c => c.Step))}");
        checkpoints = [.. checkpoints.Select(c => c.Step == pin.Step ? c with { Pinned = pin.Pinned } : c)];
        return new RunDecision(state with { Record = state.Record with { Checkpoints = checkpoints } });
    }

    private static RunDecision Delete(DurableRun state, IReadOnlySet<long> leased)
    {
        if (state.IsActive)
            return Refuse(state, $"it is {state.Record!.State.ToString().ToLowerInvariant()}; stop it with `dtt stop {state.Record.Run}` first");
        if (leased.Count > 0) return Refuse(state, $"its checkpoint of step {leased.Min()} is being read; try again when that is done");
        return new RunDecision(state with { Deleting = true }, new RunEffect.Erase());
    }

    private static RunDecision Granted(DurableRun state, RunInput.Granted granted, DateTimeOffset now)
    {
        var (record, places) = (state.Record!, granted.Placements);
        var again = record.State == RunState.Preparing && granted.Attempt == record.CurrentAttempt && places.Count == state.Placements.Count
            && places.Zip(state.Placements).All(p => p.First.IsSamePlace(p.Second));
        if (again) return new RunDecision(state, [.. Living(state).Select(p => new RunEffect.Launch(p))]) { Accepted = true };
        var waiting = record.State is RunState.Queued or RunState.Recovering && !state.Deleting;
        if (!waiting || granted.Attempt != record.CurrentAttempt + 1) return new RunDecision(state);
        var begun = state with
        {
            Record = RunRules.BeginAttempt(record, now, places.Count, places.Sum(p => p.Devices.Count), places.Any(p => p.OnGpus)),
            Placements = places,
            NotBefore = null,
            Growing = false,
            LeavesOutFrom = null,
            LastReport = 0,
        };
        return new RunDecision(begun, [.. places.Select(p => new RunEffect.Launch(p))]) { Accepted = true };
    }

    /// <summary>
    /// Applies a rank's report. Its number is checked only here, because it must be in the same write as the events that the report brings. Without
    /// events the number may be lost with the memory: the table ignores rows that come again, and that activation's viewers are gone.
    /// </summary>
    private static RunDecision Reported(DurableRun state, RunInput.Reported reported, DateTimeOffset now)
    {
        if (!IsLive(state, reported.Attempt)) return new RunDecision(state);
        if (reported.Number <= state.LastReport) return new RunDecision(state) { Accepted = true };
        var next = state;
        foreach (var message in reported.Messages)
        {
            next = message switch
            {
                RankStarted s => (next with { Record = RunRules.Started(next.Record!, reported.Attempt, s) }).Noted(now, EventKinds.Started,
                    $"attempt {reported.Attempt} on {s.Device}, from {(s.FromStep == 0 ? s.InitialWeights : $"step {s.FromStep}")}"),
                RankEvent e => next.Noted(now, e.Kind, e.Message),
                _ => next,
            };
        }

        return new RunDecision(next with { LastReport = reported.Number }) { Accepted = true, Durable = !ReferenceEquals(next, state) };
    }

    /// <summary>Commits, and forgets what retention expires in the same write.</summary>
    private static RunDecision Commit(DurableRun state, WrittenCheckpoint checkpoint, IReadOnlySet<long> leased, DateTimeOffset now)
    {
        var (record, reply) = RunRules.Commit(state.Record!, checkpoint);
        if (reply.Accepted && ReferenceEquals(record, state.Record)) return new RunDecision(state) { Commit = reply };
        if (reply.Accepted && !IsLive(state, checkpoint.Attempt)) reply = new CommitReply(false, $"attempt {checkpoint.Attempt} is over");
        else if (reply.Accepted && state.Record!.State != RunState.Running)
            return new RunDecision(state) { Commit = new CommitReply(false, "the step that the attempt started from is not reported yet", Transient: true) };
        else if (reply.Accepted && LeavingOut.WhyNotCommitted(state, checkpoint) is { } saw) reply = new CommitReply(false, saw);
        if (!reply.Accepted) return new RunDecision(state.Noted(now, EventKinds.Refused, $"step {checkpoint.Step}: {reply.Reason}")) { Commit = reply };
        var expired = RunRules.Expired(record, state.Request!.Config.Keep).Where(c => !leased.Contains(c.Step)).ToList();
        var loss = checkpoint.ValLoss is { } value ? $", val loss {value:0.0000}" : "";
        var next = state with { Record = RunRules.Forget(record, expired), ToDelete = [.. state.ToDelete, .. expired.Select(c => c.FolderName)] };
        next = next.Noted(now, EventKinds.Committed, $"step {checkpoint.Step} ({checkpoint.SizeBytes / 1e6:0.0} MB){loss}");
        var effects = new List<RunEffect>();
        effects.AddRange(DeleteForgotten(next));
        if (next.WantsMoreNodes) effects.Add(new RunEffect.LookForNodes());
        return new RunDecision(next, effects) { Commit = reply };
    }

    private static RunDecision Refuse(DurableRun state, string reason) => new(state) { Refusal = reason };

    /// <summary>The parts of the attempt that have not ended.</summary>
    internal static IEnumerable<Placement> Living(DurableRun state) => state.Placements.Where(p => p.End is null);

    /// <summary>Asks every part to save and leave.</summary>
    internal static IReadOnlyList<RunEffect> StopRanks(DurableRun state) =>
        [.. Living(state).Select(p => new RunEffect.StopRank(p.Node, state.Record!.CurrentAttempt))];

    /// <summary>Deletes forgotten checkpoints; not while an attempt starts, whose ranks may have been told of them before and read one.</summary>
    internal static IReadOnlyList<RunEffect> DeleteForgotten(DurableRun state) =>
        state.ToDelete.Count == 0 || state.Record!.State == RunState.Preparing ? [] : [new RunEffect.DeleteCheckpoints(state.ToDelete)];

    /// <summary>Whether the ranks of an attempt are to go on: it is current, and no part of it has ended otherwise than in order.</summary>
    public static bool MayGoOn(DurableRun state, int attempt) =>
        state.Record is not null && IsLive(state, attempt) && state.Placements.All(p => p.End is null or { Ending: RankFinished });

    /// <summary>Whether an attempt is current and lives.</summary>
    internal static bool IsLive(DurableRun state, int attempt) =>
        attempt == state.Record!.CurrentAttempt && state.Record.State is RunState.Preparing or RunState.Running;
}
