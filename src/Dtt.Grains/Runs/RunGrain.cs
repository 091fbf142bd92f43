using Dtt.Abstractions;
using Dtt.Core.Diagnostics;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Dtt.Grains.News;
using Dtt.Grains.Storage;
using Microsoft.Extensions.Logging;
using Orleans.Storage;

namespace Dtt.Grains.Runs;

/// <summary>The owner of one run: loads, decides by <see cref="RunDecider"/>, writes, performs the effects.</summary>
[GrainType("run")]
internal sealed partial class RunGrain(
    [PersistentState(StateStorage.Run, StateStorage.Provider)] IPersistentState<DurableRun> state,
    IPlatformTables tables, INodeAgents agents, TimeProvider time, ILogger<RunGrain> log) : Grain, IRunGrain, IRemindable
{
    private const string AwakeReminder = "awake";
    private const int RingSize = 2048;
    private static readonly TimeSpan _tick = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _reminderPeriod = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan _indexPeriod = TimeSpan.FromSeconds(1);
    private readonly NewsRing<RunNews> _news = new(RingSize);
    private readonly CheckpointLeases _leases = new();
    private RunProgress _progress = new();
    private IGrainTimer? _timer;
    private long _newsNumber, _eventsStored;
    private DateTimeOffset _indexed;
    private string? _waiting;

    private string Folder => this.GetPrimaryKeyString();

    private RunRecord? Record => state.State.Record;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (Record is null) return;
        _progress = RunProgress.From(await tables.FindRunAsync(Folder));
        await StoreAsync();
        SetTimer();
    }

    public async Task<NewRunReply> CreateAsync(RunRequest run)
    {
        if (Record is not null || !await agents.At(agents.Here).PrepareFolderAsync(Folder, run.ConfigYaml)) return new NewRunReply(false);
        return new NewRunReply((await ApplyAsync(new RunInput.Create(Path.GetFileName(Folder), run))).Accepted);
    }

    public async Task<bool> AdoptAsync()
    {
        var agent = agents.At(agents.Here);
        if (Record is null)
        {
            if (await agent.ReadOrphanAsync(Folder) is not { } orphan) return false;
            foreach (var row in await ReadCurveAsync(orphan.Record!.Attempts)) _progress.Apply(row);
            await ApplyAsync(new RunInput.Adopt(orphan));
        }

        await agent.MarkAdoptedAsync(Folder);
        return true;
    }

    public Task<RunView?> FindAsync() => Task.FromResult(Record is null || state.State.Deleting ? null : new RunView
    {
        Row = _progress.Row(Folder, Record),
        Record = Record,
        Request = state.State.Request!,
        StopRequested = state.State.StopRequested,
        Waiting = Record.State is RunState.Queued or RunState.Recovering ? _waiting : null,
        FailureCode = state.State.FailureCode,
    });

    public Task ResumeAsync(IReadOnlyDictionary<string, string> environment, int? ranks) => ApplyAsync(new RunInput.Resume(environment, ranks));

    public Task StopAsync() => ApplyAsync(new RunInput.Stop());

    public Task PinAsync(long step, bool pinned) => ApplyAsync(new RunInput.Pin(step, pinned));

    public Task DeleteAsync() => ApplyAsync(new RunInput.Delete());

    public async Task<RunEvent[]> EventsAsync() => [.. await tables.ReadEventsAsync(Folder)];

    public IAsyncEnumerable<StepMetrics[]> CurveAsync(CancellationToken cancellation = default) =>
        Record is { } record ? Pages(() => ReadCurveAsync(record.Attempts, cancellation)) : AsyncEnumerable.Empty<StepMetrics[]>();

    public IAsyncEnumerable<StepMetrics[]> AttemptRowsAsync(int attempt, CancellationToken cancellation = default) =>
        Pages(() => tables.ReadMetricsAsync(Folder, attempt, cancellation));

    public async Task<(long Step, double Value)[]> SeriesAsync(string name, int points)
    {
        if (Record is null) return [];
        var rows = new Dictionary<int, IReadOnlyList<(long, double)>>();
        foreach (var attempt in Record.Attempts) rows[attempt.Attempt] = await tables.ReadSeriesAsync(Folder, attempt.Attempt, name);
        return MetricSeries.Of(Record.Attempts, a => rows[a], points);
    }

    public IAsyncEnumerable<RunNews> WatchAsync(int backlog, CancellationToken cancellation = default) =>
        _news.WatchAsync(backlog, new RunNews(_newsNumber, Record?.State ?? throw new UserErrorException($"there is no run in {Folder}.")), cancellation);

    public Task<LogChunk> ReadLogAsync(int attempt, int rank, long offset) =>
        agents.At(state.State.Node ?? agents.Here).ReadLogAsync(Folder, attempt, rank, offset);

    public Task<CheckpointSource> LeaseAsync(long step, Guid lease)
    {
        var checkpoint = Record?.Checkpoints.FirstOrDefault(c => c.Step == step)
            ?? throw new BadDataException($"run '{Path.GetFileName(Folder)}' has no checkpoint of step {step}.");
        _leases.Add(lease, step, time.GetUtcNow());
        var request = state.State.Request!;
        var folder = new RunLayout(Folder).Checkpoint(checkpoint.FolderName);
        return Task.FromResult(
            new CheckpointSource(folder, checkpoint.ManifestSha256, request.ConfigYaml, request.TokensFolder, request.TokenizerFolder));
    }

    public Task ReturnAsync(Guid lease)
    {
        _leases.Remove(lease);
        return Task.CompletedTask;
    }

    public async Task<bool> GrantedAsync(NodeRef node, string[] devices, int attempt)
    {
        if (Record is null) return false;
        var accepted = (await ApplyAsync(new RunInput.Granted(node, devices, attempt))).Accepted;
        if (accepted) _waiting = null;
        return accepted;
    }

    public Task WaitingAsync(string? reason)
    {
        if (reason != _waiting && reason is not null && Record is not null)
            Publish(new RunNews(++_newsNumber, Record.State, Event: new RunEvent(time.GetUtcNow(), EventKinds.Waiting, reason)));
        _waiting = reason;
        return Task.CompletedTask;
    }

    public async Task<Standing> ReportAsync(int attempt, long number, RankMessage[] messages)
    {
        // Rows first: should the rest fail, the agent says it all again, and rows that are there are left alone.
        if (!StandingOf(attempt).Current) return new Standing(false, false);
        var rows = messages.OfType<MetricsReport>().SelectMany(m => m.Rows).ToList();
        if (rows.Count > 0) await tables.AddMetricsAsync(Folder, attempt, rows);
        var before = state.State;
        if (!ReferenceEquals((await ApplyAsync(new RunInput.Reported(attempt, number, messages))).State, before))
        {
            foreach (var message in messages) Take(message);
            await PutIndexAsync(always: false);
        }

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

    public Task EndedAsync(AttemptEnd end) => ApplyAsync(new RunInput.Ended(end));

    public Task<Standing> RenewAsync(int attempt, NodeRef node) => Task.FromResult(StandingOf(attempt));

    public Task AgentStartedAsync(NodeRef node) =>
        state.State.Node is { } mine && mine.Node == node.Node && mine.Silo != node.Silo
            ? ApplyAsync(new RunInput.SiloDied(mine))
            : PerformAsync(RunDecider.Pending(state.State));

    public Task ReceiveReminder(string reminderName, TickStatus status) => PerformAsync(RunDecider.Pending(state.State));

    private Standing StandingOf(int attempt) => new(
        Record is { State: RunState.Preparing or RunState.Running } record && attempt == record.CurrentAttempt, state.State.StopRequested);

    private async Task<RunDecision> ApplyAsync(RunInput input)
    {
        var decision = RunDecider.Decide(state.State, input, _leases.Steps(time.GetUtcNow()), time.GetUtcNow());
        if (decision.Refusal is { } refusal && input is not (RunInput.Create or RunInput.Adopt))
            throw new UserErrorException($"run '{Path.GetFileName(Folder)}': {refusal}.", ExitCodes.Failure);
        if (!decision.Durable)
        {
            state.State = decision.State;
        }
        else if (!ReferenceEquals(decision.State, state.State))
        {
            await WriteAsync(decision.State with { Record = decision.State.Record! with { Version = decision.State.Record.Version + 1 } });
            await StoreAsync();
            SetTimer();
        }

        await PerformAsync(decision.Effects);
        return decision;
    }

    /// <summary>The compare-and-swap. A write that failed may have come through: that is looked at before anything is answered.</summary>
    private async Task WriteAsync(DurableRun next)
    {
        CrashPoint.Reach("silo.before-write");
        state.State = next;
        try
        {
            await state.WriteStateAsync();
        }
        catch (Exception e) when (e is not InconsistentStateException)
        {
            LogWriteFailed(Folder, e);
            await ReadBackAsync(e);
            if (Record?.Version != next.Record!.Version)
                throw new IOException($"the state of run '{Path.GetFileName(Folder)}' could not be written ({e.Message})", e);
        }

        CrashPoint.Reach("silo.after-write");
    }

    /// <summary>When the state cannot be read back either, nobody knows: whoever waits gets no answer, nor does anybody from memory.</summary>
    private async Task ReadBackAsync(Exception failure)
    {
        try
        {
            await state.ReadStateAsync();
        }
        catch (Exception e)
        {
            LogReadFailed(Folder, e);
            DeactivateOnIdle();
            throw new TimeoutException($"it is not known whether the state of run '{Path.GetFileName(Folder)}' was written ({failure.Message}); try again.");
        }
    }

    /// <summary>Brings the events of the state and the run's line into the tables, and tells the viewers.</summary>
    private async Task StoreAsync()
    {
        try
        {
            await tables.AddEventsAsync(Folder, state.State.Events);
        }
        catch (IOException e)
        {
            LogTablesFailed(Folder, e);
        }

        foreach (var e in state.State.Events.Where(e => e.Number > _eventsStored)) Publish(new RunNews(++_newsNumber, Record!.State, Event: e.Event));
        _eventsStored = state.State.LastEvent;
        Publish(new RunNews(++_newsNumber, Record!.State));
        await PutIndexAsync(always: true);
    }

    private async Task PutIndexAsync(bool always)
    {
        if (!always && time.GetUtcNow() - _indexed < _indexPeriod) return;
        _indexed = time.GetUtcNow();
        try
        {
            await tables.PutRunAsync(_progress.Row(Folder, Record!));
        }
        catch (IOException e)
        {
            LogTablesFailed(Folder, e);
        }
    }

    private void Take(RankMessage message)
    {
        if (message is RankStarted started) _progress.StartFrom(started.FromStep);
        if (message is MetricsReport report)
        {
            foreach (var row in report.Rows) _progress.Apply(row);
        }

        if (message is not RankEvent) Publish(new RunNews(++_newsNumber, Record!.State, message));
    }

    private void Publish(RunNews news) => _news.Publish(news);

    /// <summary>Performs effects; what fails is left to the timer, which asks <see cref="RunDecider.Pending"/>.</summary>
    private async Task PerformAsync(IReadOnlyList<RunEffect> effects)
    {
        foreach (var effect in effects)
        {
            try
            {
                CrashPoint.Reach("silo.effect");
                await PerformAsync(effect);
            }
            catch (Exception e) when (effect is not RunEffect.Erase && e is IOException or TimeoutException or OrleansException or UserErrorException)
            {
                LogEffectFailed(Folder, effect.GetType().Name, e);
            }
        }
    }

    private async Task PerformAsync(RunEffect effect)
    {
        var queue = GrainFactory.GetGrain<IQueueGrain>(0);
        switch (effect)
        {
            case RunEffect.Enqueue enqueue:
                await queue.EnqueueAsync(Folder, enqueue.Attempt, state.State.Request!.Priority, state.State.Request.Devices);
                break;
            case RunEffect.Dequeue:
                await queue.DequeueAsync(Folder);
                break;
            case RunEffect.WakeQueue:
                await queue.WakeAsync();
                break;
            case RunEffect.Launch launch:
                var request = new LaunchRequest(TrainSpec.Of(state.State, Folder), launch.Devices, state.State.Request!.Environment);
                await agents.At(launch.Node).LaunchAsync(request);
                break;
            case RunEffect.StopRank stop:
                await agents.At(stop.Node).StopRankAsync(Folder, stop.Attempt);
                break;
            case RunEffect.DeleteCheckpoints delete:
                await agents.At(state.State.Node ?? agents.Here).DeleteCheckpointsAsync(Folder, [.. delete.Folders]);
                await ApplyAsync(new RunInput.CheckpointsDeleted(delete.Folders));
                break;
            case RunEffect.Erase:
                await EraseAsync();
                break;
            case RunEffect.JoinExperiment:
                await GrainFactory.GetGrain<IExperimentGrain>(ExperimentKey).AddAsync(Folder, state.State.Request!.ConfigYaml);
                break;
            case RunEffect.SetReminder { Wanted: true }:
                await this.RegisterOrUpdateReminder(AwakeReminder, _reminderPeriod, _reminderPeriod);
                break;
            case RunEffect.SetReminder:
                if (await this.GetReminder(AwakeReminder) is { } reminder) await this.UnregisterReminder(reminder);
                break;
        }
    }

    private string ExperimentKey => Path.Combine(Path.GetDirectoryName(Folder)!, state.State.Request!.Config.Name);

    private async Task EraseAsync()
    {
        await agents.At(agents.Here).DeleteFolderAsync(Folder);
        await GrainFactory.GetGrain<IExperimentGrain>(ExperimentKey).RemoveAsync(Folder);
        await tables.DeleteRunAsync(Folder);
        _timer?.Dispose();
        _timer = null;
        if (await this.GetReminder(AwakeReminder) is { } reminder) await this.UnregisterReminder(reminder);
        await state.ClearStateAsync();
        DeactivateOnIdle();
    }

    /// <summary>The timer ticks only while the state asks for something, so that idle runs cost nothing.</summary>
    private void SetTimer()
    {
        if (!state.State.IsActive && RunDecider.Pending(state.State).Count == 0)
        {
            _timer?.Dispose();
            _timer = null;
        }
        else
        {
            _timer ??= this.RegisterGrainTimer(_ => PerformAsync(RunDecider.Pending(state.State)), new GrainTimerCreationOptions(_tick, _tick));
        }
    }

    private async Task<IReadOnlyList<StepMetrics>> ReadCurveAsync(IReadOnlyList<RunAttempt> attempts, CancellationToken cancellation = default)
    {
        var rows = new Dictionary<int, IReadOnlyList<StepMetrics>>();
        foreach (var attempt in attempts) rows[attempt.Attempt] = await tables.ReadMetricsAsync(Folder, attempt.Attempt, cancellation);
        return await Task.Run(() => MetricLineage.Curve(attempts, a => rows[a]), cancellation); // a long curve holds nobody up
    }

    /// <summary>Gives rows page by page, so that no message is too large.</summary>
    private static async IAsyncEnumerable<StepMetrics[]> Pages(Func<Task<IReadOnlyList<StepMetrics>>> read)
    {
        const int page = 2000;
        var rows = await read();
        for (var i = 0; i < rows.Count; i += page) yield return [.. rows.Skip(i).Take(page)];
    }

    [LoggerMessage(2001, LogLevel.Warning, "run {Run}: effect {Effect} failed and will be tried again")]
    private partial void LogEffectFailed(string run, string effect, Exception exception);

    [LoggerMessage(2002, LogLevel.Warning, "run {Run}: the state was not written, or its answer was lost; reading it again")]
    private partial void LogWriteFailed(string run, Exception exception);

    [LoggerMessage(2003, LogLevel.Warning, "run {Run}: its rows could not be written to the tables; they are written again with the next change")]
    private partial void LogTablesFailed(string run, Exception exception);

    [LoggerMessage(2004, LogLevel.Error, "run {Run}: the state could not be read back either; this activation ends")]
    private partial void LogReadFailed(string run, Exception exception);
}
