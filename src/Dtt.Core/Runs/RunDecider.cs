using Dtt.Core.Errors;
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
    public static RunDecision Decide(DurableRun state, RunInput input, IReadOnlySet<long> leased, DateTimeOffset now) => input switch
    {
        RunInput.Create create => Create(state, create, now),
        RunInput.Adopt adopt => Adopt(state, adopt.Found, now),
        _ when state.Record is null => Refuse(state, "there is no such run; `dtt runs` lists them"),
        RunInput.Resume resume => Resume(state, resume),
        RunInput.Stop => Stop(state, now),
        RunInput.Pin pin => Pin(state, pin),
        RunInput.Delete => Delete(state, leased),
        RunInput.Granted granted => Granted(state, granted, now),
        RunInput.Reported reported => Reported(state, reported, now),
        RunInput.Commit commit => Commit(state, commit.Checkpoint, leased, now),
        RunInput.Ended ended => Ended(state, ended.End, now),
        RunInput.SiloDied died => SiloDied(state, died.Node, now),
        RunInput.CheckpointsDeleted deleted => new RunDecision(state with { ToDelete = [.. state.ToDelete.Except(deleted.Folders)] }),
        _ => throw new ArgumentOutOfRangeException(nameof(input)),
    };

    /// <summary>What the state still asks for: done when the run is activated and by its timer, in case an effect was lost.</summary>
    public static IReadOnlyList<RunEffect> Pending(DurableRun state)
    {
        var effects = new List<RunEffect>();
        if (state.Record is null) return effects;
        if (state.Deleting) return [new RunEffect.Erase()];
        if (state.Record.State is RunState.Queued or RunState.Recovering) effects.Add(new RunEffect.Enqueue(state.Record.CurrentAttempt + 1));
        if (state.Record.State == RunState.Preparing && state.Node is { } node) effects.Add(new RunEffect.Launch(node, state.Devices));
        if (state is { StopRequested: true, IsActive: true, Node: { } stopping }) effects.Add(new RunEffect.StopRank(stopping, state.Record.CurrentAttempt));
        if (state.ToDelete.Count > 0) effects.Add(new RunEffect.DeleteCheckpoints(state.ToDelete));
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
            Node = null,
            Devices = [],
            StopRequested = false,
            Deleting = false,
            LastReport = 0,
        };
        adopted = found.Notes.Aggregate(adopted, (run, note) => Note(run, now, EventKinds.Adopted, note));
        return new RunDecision(adopted, new RunEffect.JoinExperiment()) { Accepted = true };
    }

    private static RunDecision Resume(DurableRun state, RunInput.Resume resume)
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
        if (length is not null && RunRules.WhyNoOtherLength(state, length) is { } reason) return Refuse(state, reason);

        var request = length is null ? state.Request! : state.Request!.WithLength(length);
        return new RunDecision(state with
        {
            Record = state.Record with { State = RunState.Queued },
            Request = (resume.Ranks is { } ranks ? request.WithRanks(ranks) : request) with { Environment = resume.Environment },
            FailureCode = 0,
        }, new RunEffect.SetReminder(true), new RunEffect.Enqueue(state.Record.CurrentAttempt + 1))
        { Accepted = true };
    }

    private static RunDecision Stop(DurableRun state, DateTimeOffset now)
    {
        if (!state.IsActive) return new RunDecision(state);
        if (state.Node is { } node) return new RunDecision(state with { StopRequested = true }, new RunEffect.StopRank(node, state.Record!.CurrentAttempt));
        var stopped = state with { Record = state.Record! with { State = RunState.Stopped } };
        return new RunDecision(Note(stopped, now, EventKinds.Stopped, "stopped on request while it was queued"),
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
        var record = state.Record!;
        var launch = new RunEffect.Launch(granted.Node, granted.Devices);
        var again = record.State == RunState.Preparing && granted.Attempt == record.CurrentAttempt
            && granted.Node == state.Node && granted.Devices.SequenceEqual(state.Devices);
        if (again) return new RunDecision(state, launch) { Accepted = true };
        var waiting = record.State is RunState.Queued or RunState.Recovering && !state.Deleting;
        if (!waiting || granted.Attempt != record.CurrentAttempt + 1) return new RunDecision(state);
        var begun = state with { Record = RunRules.BeginAttempt(record, now), Node = granted.Node, Devices = granted.Devices, LastReport = 0 };
        return new RunDecision(begun, launch) { Accepted = true };
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
                RankStarted s => Note(next with { Record = RunRules.Started(next.Record!, reported.Attempt, s.FromStep, s.Plan, s.Fingerprint) }, now,
                    EventKinds.Started, $"attempt {reported.Attempt} on {s.Device}, from {(s.FromStep == 0 ? s.InitialWeights : $"step {s.FromStep}")}"),
                RankEvent e => Note(next, now, e.Kind, e.Message),
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
        if (!reply.Accepted) return new RunDecision(Note(state, now, EventKinds.Refused, $"step {checkpoint.Step}: {reply.Reason}")) { Commit = reply };
        var expired = RunRules.Expired(record, state.Request!.Config.Keep).Where(c => !leased.Contains(c.Step)).ToList();
        var loss = checkpoint.ValLoss is { } value ? $", val loss {value:0.0000}" : "";
        var next = state with { Record = RunRules.Forget(record, expired), ToDelete = [.. state.ToDelete, .. expired.Select(c => c.FolderName)] };
        next = Note(next, now, EventKinds.Committed, $"step {checkpoint.Step} ({checkpoint.SizeBytes / 1e6:0.0} MB){loss}");
        return new RunDecision(next, next.ToDelete.Count > 0 ? [new RunEffect.DeleteCheckpoints(next.ToDelete)] : []) { Commit = reply };
    }

    private static RunDecision Ended(DurableRun state, AttemptEnd end, DateTimeOffset now)
    {
        if (!IsLive(state, end.Attempt)) return new RunDecision(state);
        switch (end.Ending)
        {
            case RankFinished { Completed: true } finished:
                return EndRun(state, RunState.Completed, finished.Step == 0 ? "it has no steps to train" : $"all {finished.Step} steps are done", now);
            case RankFinished finished when state.StopRequested:
                return EndRun(state, RunState.Stopped, $"stopped on request after step {finished.Step}", now);
            case RankFinished finished:
                state = Note(state, now, EventKinds.Drained, $"saved after step {finished.Step}, because its silo is shutting down");
                return Recover(state, RunState.Interrupted, "its silo shut down", now);
            case RankFailed failed:
                return EndRun(state, RunState.Failed, failed.Message, now, failed.ExitCode);
        }

        var died = end.Died ?? "the rank died";
        state = Note(state, now, EventKinds.Died, died);
        if (state.StopRequested) return EndStopped(state, now);
        var decision = RecoveryRules.Decide(state.Record!);
        return decision.Recover
            ? Recover(state, RunState.Recovering, died, now)
            : EndRun(state, RunState.Failed, decision.Reason, now, ExitCodes.Failure, died);
    }

    private static RunDecision SiloDied(DurableRun state, NodeRef node, DateTimeOffset now)
    {
        if (!state.IsActive || state.Node != node) return new RunDecision(state);
        const string died = "the silo died, and the rank with it";
        state = Note(state, now, EventKinds.Died, died);
        return state.StopRequested ? EndStopped(state, now) : Recover(state, RunState.Interrupted, died, now);
    }

    /// <summary>Ends the current attempt and queues the next.</summary>
    private static RunDecision Recover(DurableRun state, RunState endState, string outcome, DateTimeOffset now)
    {
        var next = state.Record!.CurrentAttempt + 1;
        var record = RunRules.EndAttempt(state.Record, state.Record.CurrentAttempt, endState, outcome, now) with { State = RunState.Recovering };
        state = state with { Record = record, Node = null, Devices = [] };
        state = Note(state, now, EventKinds.Recovering, $"continuing with attempt {next} from step {record.Latest?.Step ?? 0}");
        return new RunDecision(state, new RunEffect.Enqueue(next));
    }

    private static RunDecision EndStopped(DurableRun state, DateTimeOffset now) => EndRun(state, RunState.Stopped,
        $"it died after a stop was requested; its last checkpoint is of step {state.Record!.Latest?.Step ?? 0}", now);

    /// <summary>Ends the current attempt and the run with it, until it is resumed.</summary>
    private static RunDecision EndRun(DurableRun state, RunState end, string message, DateTimeOffset now, int failureCode = 0, string? outcome = null)
    {
        var kind = end switch { RunState.Completed => EventKinds.Completed, RunState.Stopped => EventKinds.Stopped, _ => EventKinds.Failed };
        var record = RunRules.EndAttempt(state.Record!, state.Record!.CurrentAttempt, end, outcome ?? message, now);
        state = state with { Record = record, Node = null, Devices = [], StopRequested = false, FailureCode = failureCode };
        return new RunDecision(Note(state, now, kind, message), new RunEffect.WakeQueue(), new RunEffect.SetReminder(false));
    }

    private static RunDecision Refuse(DurableRun state, string reason) => new(state) { Refusal = reason };

    private static bool IsLive(DurableRun state, int attempt) =>
        attempt == state.Record!.CurrentAttempt && state.Record.State is RunState.Preparing or RunState.Running;

    private static DurableRun Note(DurableRun state, DateTimeOffset now, string kind, string message)
    {
        var noted = new NumberedEvent(state.LastEvent + 1, new RunEvent(now, kind, message));
        return state with { LastEvent = noted.Number, Events = [.. state.Events.TakeLast(DurableRun.MaxEvents - 1), noted] };
    }
}
