using System.Globalization;
using System.Text.Json;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Core.Storage;

namespace Dtt.Training.Standalone;

/// <summary>
/// A run without a platform: decided by <see cref="RunDecider"/> as every run is, its state stored in <c>run.json</c> (<see cref="RunFile"/>), its few effects
/// performed here. The lock on <c>.owner</c> makes it the only writer; the platform adopts the run by reading that state.
/// </summary>
internal sealed class StandaloneRun : IDisposable
{
    private static readonly HashSet<long> _noReaders = [];
    private static readonly TimeSpan _ownerTimeout = TimeSpan.FromSeconds(1);
    private static readonly IReadOnlyList<string> _devices = ["cpu"];
    private readonly Lock _gate = new(); // training, the writing of a checkpoint and a signal's handler speak at the same time
    private readonly NodeRef _here = new(Environment.MachineName, string.Create(CultureInfo.InvariantCulture, $"standalone:{Environment.ProcessId}"));
    private readonly FileLock _owner;
    private readonly TimeProvider _time;
    private readonly LineLog _events;
    private LineLog? _metrics;
    private long _reports;
    private bool _stopRequested;

    private StandaloneRun(RunLayout layout, FileLock owner, TimeProvider time)
    {
        (Layout, _owner, _time) = (layout, owner, time);
        State = RunFile.Read(layout);
        var written = RunFile.ReadEvents(layout).Count;
        _events = new LineLog(layout.Events);
        Append(State.Events.Where(e => e.Number > written)); // a kill came between the state and its events
    }

    /// <summary>The run's folder.</summary>
    public RunLayout Layout { get; }

    /// <summary>The state as of the last change.</summary>
    public DurableRun State { get; private set; }

    private int Attempt => State.Record!.CurrentAttempt;

    /// <summary>Creates a run and owns it; a taken name is numbered: <c>name-2</c>, <c>name-3</c> …</summary>
    /// <param name="runsFolder">Where runs lie, absolute.</param>
    /// <param name="request">What is to be trained.</param>
    /// <param name="time">The clock.</param>
    public static StandaloneRun Create(string runsFolder, RunRequest request, TimeProvider time)
    {
        var (layout, owner) = NewRunFolder.Create(runsFolder, request, FirstState(request, time));
        return Owned(layout, owner, time);
    }

    /// <summary>Creates a run that is whole when it appears: what fills it is done where nobody looks, and nothing of it stays when that fails.</summary>
    /// <param name="runsFolder">Where runs lie, absolute.</param>
    /// <param name="request">What it is.</param>
    /// <param name="time">The clock.</param>
    /// <param name="fill">Takes the run to its end.</param>
    /// <returns>Where it lies.</returns>
    public static RunLayout CreateWhole(string runsFolder, RunRequest request, TimeProvider time, Action<StandaloneRun> fill) =>
        NewRunFolder.Create(runsFolder, request, FirstState(request, time), (draft, owner) =>
        {
            using var run = Owned(draft, owner, time);
            fill(run);
        }).Layout;

    /// <summary>Owns the run in a folder until this is disposed or the process dies.</summary>
    /// <exception cref="UserErrorException">There is none, the platform has it, or another process trains it.</exception>
    /// <exception cref="BadDataException">Its state is damaged.</exception>
    public static StandaloneRun Open(string folder, TimeProvider time)
    {
        var layout = new RunLayout(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        RequireState(layout);

        // A process that only asks whether the run has an owner holds the lock for an instant: that must not look like an owner.
        FileLock? owner = null;
        if (!SpinWait.SpinUntil(() => (owner = FileLock.TryAcquire(layout.Owner)) is not null, _ownerTimeout))
            throw new UserErrorException($"run '{layout.Run}' is being trained by another process; wait for it.");
        return Owned(layout, owner!, time);
    }

    /// <summary>Begins the next attempt: what a killed one left is ended first, and swept.</summary>
    /// <returns>What its rank is to do; null: nothing, somebody asked for a stop before.</returns>
    /// <exception cref="UserErrorException">The run is complete.</exception>
    public TrainSpec? BeginAttempt()
    {
        using var alone = _gate.EnterScope();
        if (_stopRequested) return null;
        if (State is { IsActive: true, Placements: [var dead, ..] }) Apply(new RunInput.SiloDied(dead.Node));
        if (!State.IsActive) Apply(new RunInput.Resume(State.Request!.Environment));
        Apply(new RunInput.Granted([new Placement(_here, _devices, 0)], Attempt + 1));
        _reports = 0;
        var metrics = Layout.Metrics(Attempt);
        Directory.CreateDirectory(Path.GetDirectoryName(metrics)!);
        _metrics = new LineLog(metrics);
        var spec = TrainSpec.Of(State, Layout.Folder, State.Placements[0]);
        foreach (var failure in RunFolder.Ready(spec))
            Console.Error.WriteLine($"what earlier attempts left could not be deleted; the next attempt tries again: {failure}.");
        return spec;
    }

    /// <summary>Applies a report of the rank.</summary>
    public void Report(RankMessage message)
    {
        lock (_gate)
        {
            if (message is MetricsReport report)
            {
                foreach (var row in report.Rows) _metrics!.Append(JsonSerializer.SerializeToUtf8Bytes(row, RunJson.Default.StepMetrics));
            }
            else if (message is TrainingSample sample) Save(sample);
            else Apply(new RunInput.Reported(Attempt, ++_reports, [message]), mustWrite: false);
        }
    }

    /// <summary>Commits a checkpoint once all metrics up to its step are durable.</summary>
    public CommitReply Commit(WrittenCheckpoint checkpoint)
    {
        lock (_gate)
        {
            RunDecision decision;
            try
            {
                _metrics!.Sync();
                decision = Decide(new RunInput.Commit(checkpoint), mustWrite: true);
            }
            catch (IOException e)
            {
                return new CommitReply(false, e.Message, Transient: true);
            }

            // Committed: whatever fails from here on, the answer is that.
            Perform(decision.Effects);
            return decision.Commit!;
        }
    }

    /// <summary>Notes that somebody asked for a stop.</summary>
    public void RequestStop()
    {
        lock (_gate)
        {
            _stopRequested = true;
            Apply(new RunInput.Stop(), mustWrite: false);
        }
    }

    /// <summary>Ends the attempt with the rank's last word.</summary>
    /// <returns>What the run is then.</returns>
    public RunState End(RankMessage ending)
    {
        lock (_gate) Apply(new RunInput.Ended(_here, new AttemptEnd(Attempt, ending, null)));
        return State.Record!.State;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _metrics?.Dispose();
            _events.Dispose();
            _owner.Dispose();
        }
    }

    private static Func<string, DurableRun> FirstState(RunRequest request, TimeProvider time) =>
        run => RunDecider.Decide(new DurableRun(), new RunInput.Create(run, request), _noReaders, time.GetUtcNow()).State;

    private static StandaloneRun Owned(RunLayout layout, FileLock owner, TimeProvider time)
    {
        try
        {
            RequireState(layout); // the platform may have adopted it meanwhile
            return new StandaloneRun(layout, owner, time);
        }
        catch
        {
            owner.Dispose();
            throw;
        }
    }

    private static void RequireState(RunLayout layout)
    {
        if (File.Exists(layout.State)) return;
        throw new UserErrorException(File.Exists(layout.Config)
            ? $"run '{layout.Run}' is the platform's: go on with `dtt resume {layout.Run}`."
            : $"there is no run in {layout.Folder}.", ExitCodes.BadConfiguration);
    }

    private void Apply(RunInput input, bool mustWrite = true) => Perform(Decide(input, mustWrite).Effects);

    /// <summary>Decides, and makes the new state durable.</summary>
    /// <param name="input">What happened.</param>
    /// <param name="mustWrite">Whether a disk that does not take the state is an error; else it stays in memory, and the next write carries it.</param>
    private RunDecision Decide(RunInput input, bool mustWrite)
    {
        var (decision, lastEvent) = (RunDecider.Decide(State, input, _noReaders, _time.GetUtcNow()), State.LastEvent);
        if (decision.Refusal is { } refusal) throw new UserErrorException($"run '{Layout.Run}': {refusal}.");
        if (ReferenceEquals(decision.State, State)) return decision;
        try
        {
            if (decision.Durable) Write(decision.State);
            else State = decision.State;
        }
        catch (IOException) when (!mustWrite)
        {
            State = decision.State;
        }

        Append(State.Events.Where(e => e.Number > lastEvent));
        return decision;
    }

    /// <summary>Deletes checkpoints; what cannot be deleted now stays noted in the state, and is tried again with the next commit.</summary>
    private void Perform(IReadOnlyList<RunEffect> effects)
    {
        foreach (var delete in effects.OfType<RunEffect.DeleteCheckpoints>())
        {
            try
            {
                RunFolder.DeleteCheckpoints(Layout, delete.Folders);
                _ = Decide(new RunInput.CheckpointsDeleted(delete.Folders), mustWrite: false);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Console.Error.WriteLine($"checkpoints that are no longer needed could not be deleted ({e.Message.TrimEnd('.')}); trying again with the next.");
            }
        }
    }

    /// <summary>A sample that the disk does not take is lost, and training goes on.</summary>
    private void Save(TrainingSample sample)
    {
        try
        {
            RunFolder.Save(Layout, sample);
        }
        catch (IOException e)
        {
            Console.Error.WriteLine($"the sample of step {sample.Step} could not be written ({e.Message.TrimEnd('.')}).");
        }
    }

    /// <summary>Replaces the state. A write that failed half-way is looked at before anything is said: it may have come through.</summary>
    private void Write(DurableRun next)
    {
        var written = next with { Record = next.Record! with { Version = State.Record!.Version + 1 } };
        try
        {
            RunFile.Write(Layout, written);
        }
        catch (IOException)
        {
            if (RunFile.Read(Layout).Record!.Version != written.Record.Version) throw;
        }

        State = written;
    }

    private void Append(IEnumerable<NumberedEvent> events)
    {
        foreach (var e in events) _events.Append(JsonSerializer.SerializeToUtf8Bytes(e.Event, RunJson.Default.RunEvent));
    }
}
