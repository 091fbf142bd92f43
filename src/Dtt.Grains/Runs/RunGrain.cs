using Dtt.Abstractions;
using Dtt.Core.Diagnostics;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Dtt.Grains.Alerts;
using Dtt.Grains.Storage;
using Dtt.Grains.Telemetry;
using Microsoft.Extensions.Logging;

namespace Dtt.Grains.Runs;

/// <summary>The owner of one run: loads, decides by <see cref="RunDecider"/>, writes, performs the effects.</summary>
[GrainType("run")]
internal sealed partial class RunGrain(
    [PersistentState(StateStorage.Run, StateStorage.Provider)] IPersistentState<DurableRun> state,
    IPlatformTables tables, INodeAgents agents, AlertQueue alerts, RunMeter meter, TimeProvider time, ILogger<RunGrain> log) : Grain, IRunGrain, IRemindable
{
    private const string AwakeReminder = "awake";
    private static readonly TimeSpan _tick = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _reminderPeriod = TimeSpan.FromMinutes(1);
    private readonly CheckpointLeases _leases = new();
    private readonly AttemptParts _parts = new();
    private IGrainTimer? _timer;
    private bool _reminded; // by this activation: it asks again and again while it is queued, and each time is a write

    private string Folder => this.Folder();

    private RunRecord? Record => state.State.Record;

    private RunStore Store => field ??= new RunStore(state, Folder, DeactivateOnIdle, log);

    private RunFeed Feed => field ??= new RunFeed(tables, meter, Folder, time, log);

    private RunCopy Copy => field ??= new RunCopy(agents, Folder, log);

    private RunHistory History => field ??= new RunHistory(tables, Folder);

    private RunAlarm Alarm => field ??= new RunAlarm(alerts, Folder, time);

    private RunEffects Effects => field ??= new RunEffects(GrainFactory, agents, Folder);

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (Record is null) return;
        await Feed.LoadAsync();
        await Feed.StoreAsync(state.State);
        await Copy.KeepAsync(state.State);
        SetTimer();
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        Feed.Leave();
        return Task.CompletedTask;
    }

    public async Task<NewRunReply> CreateAsync(RunRequest run)
    {
        if (Record is not null && !state.State.Deleting && run.Id is not null && state.State.Request!.Id == run.Id) return new NewRunReply(true);
        if (Record is not null || !await agents.At(agents.Here).PrepareFolderAsync(Folder, run.ConfigYaml)) return new NewRunReply(false);
        return new NewRunReply((await ApplyAsync(new RunInput.Create(Path.GetFileName(Folder), run))).Accepted);
    }

    public async Task<AdoptReply> AdoptAsync(bool force)
    {
        var found = state.State.IsActive ? null : await agents.At(agents.Here).ReadOrphanAsync(Folder, Record is not null, force);
        if (found is not null) Feed.Adopt(found.Run.Record!, await History.ReadCurveAsync(found.Run.Record!.Attempts));
        var adopted = found is not null && (await ApplyAsync(new RunInput.Adopt(found))).Accepted;
        if (Record is not null) await Copy.KeepAsync(state.State); // what could not be written earlier
        return new AdoptReply(adopted, adopted ? found!.Notes : []);
    }

    public Task<RunView?> FindAsync() => Task.FromResult(Record is null || state.State.Deleting ? null : new RunView
    {
        Row = Feed.Row(Record),
        Record = Record,
        Request = state.State.Request!,
        Placements = state.State.Placements,
        StopRequested = state.State.StopRequested,
        Waiting = Record.State is RunState.Queued or RunState.Recovering ? Feed.Waiting : null,
        FailureCode = state.State.FailureCode,
    });

    public async Task ResumeAsync(IReadOnlyDictionary<string, string> environment, int? ranks, IReadOnlyDictionary<string, long>? length)
    {
        await AdoptAsync(force: false); // another platform may have trained it since, or train it now
        await ApplyAsync(new RunInput.Resume(environment, ranks, length));
    }

    public Task StopAsync() => ApplyAsync(new RunInput.Stop());

    public async Task<string> SkipAsync(long firstStep, long lastStep)
    {
        await AdoptAsync(force: false);
        var before = state.State.LastEvent;
        var after = (await ApplyAsync(new RunInput.Skip(firstStep, lastStep, await History.LastStepsAsync()))).State;
        if (after.Events.LastOrDefault(e => e.Number > before && e.Event.Kind == EventKinds.LeftOut) is not { } leftOut)
            return "the windows of these steps are left out already";
        if (!after.IsActive) await Feed.GoBackAsync(after.Record!);
        return leftOut.Event.Message;
    }

    public Task PinAsync(long step, bool pinned) => ApplyAsync(new RunInput.Pin(step, pinned));

    public Task DeleteAsync() => ApplyAsync(new RunInput.Delete());

    public Task<RunEvent[]> EventsAsync() => History.EventsAsync();

    public IAsyncEnumerable<StepMetrics[]> CurveAsync(CancellationToken cancellation = default) =>
        Record is { } record ? History.CurveAsync(record.Attempts, cancellation) : AsyncEnumerable.Empty<StepMetrics[]>();

    public IAsyncEnumerable<StepMetrics[]> AttemptRowsAsync(int attempt, CancellationToken cancellation = default) =>
        History.AttemptRowsAsync(attempt, cancellation);

    public async Task<(long Step, double Value)[]> SeriesAsync(string name, int points) =>
        Record is { } record ? await History.SeriesAsync(record.Attempts, name, points) : [];

    public async Task<Goodput?> GoodputAsync() => Record is { } record ? await History.GoodputAsync(record, time.GetUtcNow()) : null;

    public IAsyncEnumerable<RunNews> WatchAsync(int backlog, CancellationToken cancellation = default) =>
        Feed.WatchAsync(Record?.State ?? throw new UserErrorException($"there is no run in {Folder}."), backlog, cancellation);

    public Task<LogChunk> ReadLogAsync(int attempt, int rank, long offset) =>
        agents.At(agents.Here).ReadLogAsync(Folder, attempt, rank, offset);

    public Task<CheckpointSource> LeaseAsync(long step, Guid lease)
    {
        var checkpoint = Record?.Checkpoints.FirstOrDefault(c => c.Step == step)
            ?? throw new BadDataException($"run '{Path.GetFileName(Folder)}' has no checkpoint of step {step}.");
        _leases.Add(lease, step, time.GetUtcNow());
        DelayDeactivation(CheckpointLeases.Longest); // leases are in memory alone
        return Task.FromResult(CheckpointSource.Of(state.State.Request!, new RunLayout(Folder).Checkpoint(checkpoint.FolderName), checkpoint.ManifestSha256));
    }

    public Task ReturnAsync(Guid lease)
    {
        _leases.Remove(lease);
        return Task.CompletedTask;
    }

    public async Task<bool> GrantedAsync(Placement[] placements, int attempt)
    {
        if (Record is null || !(await ApplyAsync(new RunInput.Granted(placements, attempt))).Accepted) return false;
        Feed.Wait(Record, null);
        return true;
    }

    public Task WaitingAsync(string? reason)
    {
        Feed.Wait(Record, reason);
        return Task.CompletedTask;
    }

    public async Task<Standing> ReportAsync(int attempt, long number, RankMessage[] messages)
    {
        // Rows first: should the rest fail, the agent says it all again, and rows that are there are left alone.
        if (!StandingOf(attempt).Current) return new Standing(false, false);
        await agents.ConfirmAsync();
        var rows = messages.OfType<MetricsReport>().SelectMany(m => m.Rows).ToList();
        if (rows.Count > 0) await tables.AddMetricsAsync(Folder, attempt, rows);
        if (rows.Count > 0) await Copy.AddMetricsAsync(attempt, rows);
        var before = state.State;
        var after = (await ApplyAsync(new RunInput.Reported(attempt, number, messages))).State;
        if (!ReferenceEquals(after, before)) await Feed.TakeAsync(Record!, messages);
        return StandingOf(attempt);
    }

    public async Task<CommitReply> CommitAsync(WrittenCheckpoint checkpoint)
    {
        // Asked again, for the first answer was lost: what is committed stays so, whatever the tables do now.
        if (Record?.Checkpoints.Any(c => (c.Attempt, c.Step, c.ManifestSha256) == (checkpoint.Attempt, checkpoint.Step, checkpoint.ManifestSha256)) == true)
            return new CommitReply(true);
        await tables.SyncMetricsAsync();
        CrashPoint.Reach("silo.before-commit");
        var reply = (await ApplyAsync(new RunInput.Commit(checkpoint))).Commit!;
        CrashPoint.Reach("silo.after-commit");
        return reply;
    }

    public Task<string[]> MeetAsync(int attempt, int firstRank, string[] endpoints) =>
        Task.FromResult(StandingOf(attempt).Current ? _parts.Meet(state.State, attempt, firstRank, endpoints) : []);

    public Task EndedAsync(NodeRef node, AttemptEnd end) => ApplyAsync(new RunInput.Ended(node, end));

    public async Task<Standing> RenewAsync(int attempt, NodeRef node, StalledPart? stalled)
    {
        var standing = StandingOf(attempt);
        if (!standing.Current) return standing;
        await agents.ConfirmAsync();
        _parts.Renew(state.State, attempt, node, stalled, time.GetUtcNow());
        return standing with { Hung = _parts.Hung };
    }

    public async Task AgentStartedAsync(NodeRef node)
    {
        if (state.State.Placements.FirstOrDefault(p => p.Node.Node == node.Node && p.Node.Silo != node.Silo) is { } dead && await agents.IsDeadAsync(dead.Node))
            await ApplyAsync(new RunInput.SiloDied(dead.Node));
        await CheckAsync();
    }

    public async Task CheckAsync()
    {
        foreach (var placement in state.State.Placements.Where(p => p.End is null).ToList())
        {
            if (await agents.IsDeadAsync(placement.Node)) await ApplyAsync(new RunInput.SiloDied(placement.Node));
        }

        Alarm.Look(state.State, Feed.Waiting);
        if (Record is { } record) await Feed.MeasureAsync(record, History);
        await PerformAsync(RunDecider.Pending(state.State));
    }

    public Task ReceiveReminder(string reminderName, TickStatus status) => CheckAsync();

    private Standing StandingOf(int attempt) => new(RunDecider.MayGoOn(state.State, attempt), state.State.RanksAreToLeave);

    private async Task<RunDecision> ApplyAsync(RunInput input)
    {
        var decision = RunDecider.Decide(state.State, input, _leases.Steps(time.GetUtcNow()), time.GetUtcNow());
        if (decision.Refusal is { } refusal && input is not (RunInput.Create or RunInput.Adopt))
            throw new UserErrorException($"run '{Path.GetFileName(Folder)}': {refusal}.", ExitCodes.Failure);
        if (!decision.Durable) state.State = decision.State;
        else if (!ReferenceEquals(decision.State, state.State))
        {
            var before = state.State;
            await Store.WriteAsync(decision.State with { Record = decision.State.Record! with { Version = decision.State.Record.Version + 1 } });
            Alarm.Changed(before, state.State);
            await Feed.StoreAsync(state.State);
            await Copy.KeepAsync(state.State);
            SetTimer();
        }

        await PerformAsync(decision.Effects);
        return decision;
    }

    /// <summary>The timer ticks only while the state asks for something, so that idle runs cost nothing.</summary>
    private void SetTimer()
    {
        var wanted = state.State.IsActive || RunDecider.Pending(state.State).Count > 0;
        if (!wanted) _timer?.Dispose();
        _timer = !wanted ? null
            : _timer ?? this.RegisterGrainTimer(_ => CheckAsync(), new GrainTimerCreationOptions(_tick, _tick));
    }
}
