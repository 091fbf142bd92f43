using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Grains.Devices;
using Dtt.Grains.Queue;

namespace Dtt.Grains.Tests.Simulation;

/// <summary>
/// Runs, queue and one node's agent around the very functions that decide, in a world made from a seed: messages are lost, late, doubled and out of order,
/// ranks die, and the silo crashes before a write, after it, and between any two effects. What is durable survives a crash, everything else is gone. After
/// every event the invariants are checked; when the faults end every run must come to its end.
/// </summary>
internal sealed class RunSimulation(int seed)
{
    private const int Runs = 3, TotalSteps = 6, Keep = 2, Faults = 900, Calm = 6000;
    private readonly Random _random = new(seed);
    private readonly Dictionary<string, DurableRun> _states = Enumerable.Range(0, Runs).ToDictionary(i => $"/runs/{i}", _ => new DurableRun());
    private readonly Dictionary<string, HashSet<string>> _disk = Enumerable.Range(0, Runs).ToDictionary(i => $"/runs/{i}", _ => new HashSet<string>());
    private readonly Dictionary<string, long> _committed = [];
    private readonly List<(int Life, Action Act)> _inFlight = [];
    private QueueState _queue = new();
    private DateTimeOffset _now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private bool _faulty = true;
    private int _life;

    // One silo's life.
    private static readonly string[] _machine = ["gpu:0", "gpu:1", "gpu:2", "cpu"];
    private DeviceTable _devices = new(_machine);
    private Dictionary<string, Rank> _ranks = [];
    private Dictionary<string, int> _newest = [];
    private Dictionary<string, HashSet<long>> _leases = [];
    private List<Action> _unanswered = [];

    private NodeRef Here => new("n", $"{_life}");

    /// <summary>Runs to the end; throws when an invariant breaks.</summary>
    public void Run()
    {
        foreach (var run in _states.Keys.ToList())
            Send(() => Apply(run, new RunInput.Create(Path.GetFileName(run), RequestOf(ranks: 2 + _random.Next(2), minRanks: 1 + _random.Next(2)))));

        for (var i = 0; i < Faults; i++) Step();
        _faulty = false;
        for (var i = 0; i < Calm && _states.Values.Any(s => s.Record?.State is not (RunState.Completed or RunState.Failed or RunState.Stopped)); i++) Step();
        foreach (var (run, state) in _states)
        {
            if (state.Record is null) continue; // its creation was lost: the client would have been told
            Require(state.Record.State is RunState.Completed or RunState.Failed or RunState.Stopped, $"{run} hangs in {state.Record.State}");
            if (state.Record.State != RunState.Completed) continue;
            Require(state.Record.Latest!.Step == TotalSteps, $"{run} is complete at step {state.Record.Latest.Step}");
        }
    }

    private static RunRequest RequestOf(int ranks, int minRanks) => new()
    {
        ConfigYaml = $"name: e\nkeep: {Keep}\nranks_per_node: {ranks}\nmin_ranks: {minRanks}\n",
        TokensFolder = "/t",
        TokenizerFolder = "/v",
        Environment = new Dictionary<string, string>(),
    };

    private void Step()
    {
        _now += TimeSpan.FromMilliseconds(_random.Next(1, 3000));
        try
        {
            switch (_random.Next(_faulty ? 12 : 9))
            {
                case < 5 when _inFlight.Count > 0:
                    var index = _random.Next(_inFlight.Count);
                    var (life, act) = _inFlight[index];
                    _inFlight.RemoveAt(index);
                    if (life == _life) act();
                    break;
                case 5:
                    foreach (var run in _states.Keys) Perform(run, RunDecider.Pending(_states[run])); // timers
                    break;
                case 6:
                    foreach (var again in _unanswered.ToList()) again();
                    break;
                case 7:
                    Pass();
                    break;
                case 9:
                    Crash();
                    break;
                case 10 when _ranks.Count > 0:
                    End(_ranks.Values.ElementAt(_random.Next(_ranks.Count)), null, "killed");
                    break;
                case 11:
                    Disturb(_states.Keys.ElementAt(_random.Next(Runs)));
                    break;
                default:
                    foreach (var rank in _ranks.Values.ToList()) rank.Work(this);
                    break;
            }
        }
        catch (SiloCrash)
        {
            Crash();
        }

        Check();
    }

    /// <summary>A client pins, leases, stops or resumes.</summary>
    private void Disturb(string run)
    {
        var state = _states[run];
        if (state.Record is null) return;
        switch (_random.Next(4))
        {
            case 0 when state.Record.Checkpoints.Count > 0:
                Apply(run, new RunInput.Pin(state.Record.Checkpoints[0].Step, _random.Next(2) == 0));
                break;
            case 1 when state.Record.Latest is { } latest:
                if (!_leases.TryGetValue(run, out var leases)) _leases[run] = leases = [];
                if (!leases.Remove(latest.Step)) leases.Add(latest.Step);
                break;
            case 2 when _random.Next(6) == 0:
                Apply(run, new RunInput.Stop());
                break;
            default:
                Apply(run, new RunInput.Resume(new Dictionary<string, string>()));
                break;
        }
    }

    /// <summary>Everything that is not durable is gone, ranks with it; the next life sweeps and tells the runs.</summary>
    private void Crash()
    {
        _life++;
        (_devices, _ranks, _newest, _leases, _unanswered) = (new DeviceTable(_machine), [], [], [], []);
        foreach (var run in _states.Keys.ToList())
        {
            if (_states[run].Placements.FirstOrDefault(p => p.Node != Here)?.Node is { } node)
            {
                try
                {
                    Apply(run, new RunInput.SiloDied(node));
                }
                catch (SiloCrash)
                {
                    Crash();
                    return;
                }
            }
        }
    }

    private void MaybeCrash()
    {
        if (_faulty && _random.Next(60) == 0) throw new SiloCrash();
    }

    private RunDecision Apply(string run, RunInput input)
    {
        var before = _states[run];
        var decision = RunDecider.Decide(before, input, _leases.GetValueOrDefault(run) ?? [], _now);
        if (!ReferenceEquals(decision.State, before))
        {
            MaybeCrash();
            _states[run] = decision.State;
            var (old, next) = (before.Record, decision.State.Record!);
            var last = old?.CurrentAttempt ?? 0;
            Require(next.CurrentAttempt >= last && next.CurrentAttempt <= last + 1, $"{run}: attempts went from {last} to {next.CurrentAttempt}");
            if (next.Latest is { } latest)
            {
                Require(latest.Step >= _committed.GetValueOrDefault(run), $"{run}: commits went back to {latest.Step}");
                _committed[run] = latest.Step;
            }

            MaybeCrash();
        }

        Perform(run, decision.Effects);
        return decision;
    }

    private void Perform(string run, IReadOnlyList<RunEffect> effects)
    {
        foreach (var effect in effects)
        {
            MaybeCrash();
            switch (effect)
            {
                case RunEffect.Enqueue enqueue:
                    Send(() => _queue = QueueDecider.Enqueue(_queue, run, enqueue.Attempt, 0, _states[run].Wanted, _now));
                    break;
                case RunEffect.Dequeue:
                    Send(() => _queue = QueueDecider.Dequeue(_queue, run));
                    break;
                case RunEffect.Launch { Placement: var place } when place.Node == Here:
                    var record = _states[run].Record!;
                    var committed = record.Checkpoints.Select(c => c.FolderName).ToHashSet();
                    Send(() => Launch(run, record.CurrentAttempt, record.Latest?.Step ?? 0, place.Devices, committed));
                    break;
                case RunEffect.StopRank stop when stop.Node == Here:
                    Send(() =>
                    {
                        if (_ranks.GetValueOrDefault(run) is { } rank && rank.Attempt == stop.Attempt) rank.Stopping = true;
                    });
                    break;
                case RunEffect.DeleteCheckpoints discard:
                    Send(() =>
                    {
                        foreach (var folder in discard.Folders)
                        {
                            Delete(run, folder);
                        }

                        Apply(run, new RunInput.CheckpointsDeleted(discard.Folders));
                    });
                    break;
            }
        }
    }

    /// <summary>The queue's pass: reserve, grant, and release what is not wanted.</summary>
    private void Pass()
    {
        foreach (var entry in QueueDecider.Order(_queue))
        {
            var devices = _devices.Reserve(entry.Run, entry.Attempt, entry.Request, _now).Devices;
            if (devices.Count == 0) return;
            MaybeCrash();
            var accepted = Apply(entry.Run, new RunInput.Granted([new Placement(Here, devices, 0)], entry.Attempt)).Accepted;
            if (!accepted && !_ranks.ContainsKey(entry.Run)) _devices.Release(entry.Run, entry.Attempt);
            MaybeCrash();
            _queue = QueueDecider.Dequeue(_queue, entry.Run, entry.Attempt);
        }
    }

    private void Launch(string run, int attempt, long from, IReadOnlyList<string> devices, HashSet<string> committed)
    {
        if (_newest.GetValueOrDefault(run) >= attempt) return;
        _newest[run] = attempt;
        if (_ranks.GetValueOrDefault(run) is { } older) End(older, null, "its attempt is over");
        var rank = new Rank(run, attempt, from, devices);
        if (!_devices.Hold(devices, run, attempt, _now))
        {
            Tell(rank, null, "a device was taken");
            return;
        }

        Require(!_ranks.Values.Any(r => r.Devices.Intersect(devices).Any()), $"{string.Join(", ", devices)}: one is in two attempts");
        _ranks[run] = rank;
        foreach (var folder in _disk[run].Except(committed).ToList()) Delete(run, folder);
        Report(rank, new RankStarted { FromStep = from, Plan = new RunPlan(TotalSteps, 1, 1), Fingerprint = "f", Parameters = 1, Device = "cpu" });
    }

    private void Report(Rank rank, RankMessage message)
    {
        var number = ++rank.Reports;
        void Again() => Send(() =>
        {
            var accepted = Apply(rank.Run, new RunInput.Reported(rank.Attempt, number, [message])).Accepted;
            if (!accepted && _ranks.GetValueOrDefault(rank.Run) == rank) End(rank, null, "its attempt is over");
            if (!Lost()) _unanswered.Remove(Again);
        });
        _unanswered.Add(Again);
        Again();
    }

    private void End(Rank rank, RankMessage? ending, string? died)
    {
        _ranks.Remove(rank.Run);
        _devices.Release(rank.Run, rank.Attempt);
        Tell(rank, ending, died);
    }

    private void Tell(Rank rank, RankMessage? ending, string? died)
    {
        void Again() => Send(() =>
        {
            Apply(rank.Run, new RunInput.Ended(Here, new AttemptEnd(rank.Attempt, ending, died is null ? null : CauseCard.Of(DeathKind.Rank, died))));
            if (!Lost()) _unanswered.Remove(Again);
        });
        _unanswered.Add(Again);
        Again();
    }

    private void Delete(string run, string folder)
    {
        Require(_states[run].Record!.Checkpoints.All(c => c.FolderName != folder), $"{run}: the committed {folder} is deleted");
        _disk[run].Remove(folder);
    }

    /// <summary>Puts a message on its way: late, perhaps never, perhaps twice.</summary>
    private void Send(Action act)
    {
        if (Lost()) return;
        _inFlight.Add((_life, act));
        if (_faulty && _random.Next(8) == 0) _inFlight.Add((_life, act));
    }

    private bool Lost() => _faulty && _random.Next(8) == 0;

    private void Check()
    {
        foreach (var (run, state) in _states.Where(s => s.Value.Record is not null))
        {
            Require(state.Record!.Checkpoints.All(c => _disk[run].Contains(c.FolderName)), $"{run}: a committed checkpoint is not on disk");
            Require(state.Record.Checkpoints.Select(c => c.Step).Distinct().Count() == state.Record.Checkpoints.Count, $"{run}: a step is committed twice");
            Require(state.Record.Best is null || _disk[run].Contains(state.Record.Best.FolderName), $"{run}: the best is gone");
            Require(state.ToDelete.All(d => state.Record.Checkpoints.All(c => c.FolderName != d)), $"{run}: a committed checkpoint is to be deleted");
            foreach (var step in _leases.GetValueOrDefault(run) ?? [])
                Require(state.Record.Checkpoints.Any(c => c.Step == step), $"{run}: the leased checkpoint of step {step} is forgotten");
        }

        Require(_ranks.Values.SelectMany(r => r.Devices).Distinct().Count() == _ranks.Values.Sum(r => r.Devices.Count), "a device is in two attempts");
    }

    private void Require(bool right, string otherwise)
    {
        if (!right) throw new InvalidOperationException($"seed {seed}: {otherwise}");
    }

    private sealed class SiloCrash : Exception;

    private sealed class Rank(string run, int attempt, long from, IReadOnlyList<string> devices)
    {
        private long _step = from;
        private bool _asked;

        public string Run => run;

        public int Attempt => attempt;

        public IReadOnlyList<string> Devices => devices;

        public long Reports { get; set; }

        public bool Stopping { get; set; }

        /// <summary>One step: a checkpoint on disk, its commit, and the end when there is one.</summary>
        public void Work(RunSimulation world)
        {
            if (!_asked && _step < TotalSteps)
            {
                _step++;
                _asked = true;
                world._disk[run].Add(CommittedCheckpoint.FolderNameOf(_step, attempt));
            }

            if (_asked)
            {
                var checkpoint = new WrittenCheckpoint
                {
                    Step = _step,
                    Attempt = attempt,
                    ManifestSha256 = $"m{_step}.{attempt}",
                    WeightsSha256 = "w",
                    SizeBytes = 1,
                    ValLoss = _step % 3,
                };
                if (world.Lost()) return;
                var reply = world.Apply(run, new RunInput.Commit(checkpoint)).Commit!;
                if (world.Lost()) return; // the answer was lost: it is asked again
                if (reply.Transient) return;
                if (!reply.Accepted)
                {
                    world.End(this, null, $"refused: {reply.Reason}");
                    return;
                }

                _asked = false;
            }

            if (Stopping || _step == TotalSteps) world.End(this, new RankFinished(_step, _step == TotalSteps), null);
        }
    }
}
