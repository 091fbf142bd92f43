using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Grains.Queue;

namespace Dtt.Grains.Tests.Simulation;

/// <summary>
/// Runs, queue and the agents of several nodes around the very functions that decide, in a world made from a seed: messages are lost, late, doubled and out of
/// order, ranks die, nodes are cut off and come back, the clock jumps, and silos crash, also the one of the grain at work: before a write, after it, and
/// between any two effects. What is durable survives, everything else is gone. After every event the invariants are checked; when the faults end every run
/// must come to its end.
/// </summary>
/// <param name="seed">What the world is made from.</param>
/// <param name="nodes">Nodes of the platform.</param>
internal sealed class RunSimulation(int seed, int nodes)
{
    public const int TotalSteps = 6;
    public const long StepWindows = 12;
    private const int Runs = 3, Keep = 2, Faults = 900, Calm = 9000;
    private static readonly string[] _machine = ["gpu:0", "gpu:1", "gpu:2", "cpu"];
    private static readonly TimeSpan _lease = TimeSpan.FromSeconds(90);
    private readonly Random _random = new(seed);
    private readonly Dictionary<string, DurableRun> _states = Enumerable.Range(0, Runs).ToDictionary(i => $"/runs/{i}", _ => new DurableRun());
    private readonly Dictionary<string, HashSet<string>> _disk = Enumerable.Range(0, Runs).ToDictionary(i => $"/runs/{i}", _ => new HashSet<string>());
    private readonly Dictionary<(string, string), IReadOnlyList<long>> _trained = []; // by checkpoint: the positions that it saw
    private readonly Dictionary<string, HashSet<long>> _poison = Enumerable.Range(0, Runs).ToDictionary(i => $"/runs/{i}", i => PoisonOf(seed, i));
    private readonly Dictionary<string, HashSet<long>> _leases = [];
    private readonly Dictionary<string, long> _committed = [];
    private readonly Dictionary<(string, int), int> _worldSizes = [];
    private readonly HashSet<NodeRef> _dead = [];
    private readonly List<Action> _inFlight = [];
    private readonly SimulatedNode[] _nodes = [.. Enumerable.Range(0, nodes).Select(i => new SimulatedNode($"n{i}", _machine))];
    private QueueState _queue = new();
    private DateTimeOffset _now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private bool _faulty = true;

    /// <summary>How the attempts ended whose rank 0 said so.</summary>
    public Dictionary<(string Run, int Attempt), RankFinished> Finished { get; } = [];

    private IEnumerable<SimulatedPart> Parts => _nodes.SelectMany(n => n.Parts.Values);

    /// <summary>Runs to the end; throws when an invariant breaks.</summary>
    public void Run()
    {
        foreach (var run in _states.Keys.ToList()) Send(() => Apply(run, new RunInput.Create(Path.GetFileName(run), Request())));
        for (var i = 0; i < Faults; i++) Step();
        _faulty = false;
        foreach (var run in _states.Where(s => s.Value.Record?.State == RunState.Interrupted).Select(s => s.Key).ToList())
            Apply(run, new RunInput.Resume(new Dictionary<string, string>())); // one that was complete before windows of it were left out
        for (var i = 0; i < Calm && _states.Values.Any(s => s.Record?.State is not (RunState.Completed or RunState.Failed or RunState.Stopped)); i++) Step();
        foreach (var (run, state) in _states)
        {
            if (state.Record is null) continue; // its creation was lost: the client would have been told
            Require(state.Record.State is RunState.Completed or RunState.Failed or RunState.Stopped, $"{run} hangs in {state.Record.State}");
            if (state.Record.State != RunState.Completed) continue;
            Require(state.Record.Latest!.Step == TotalSteps, $"{run} is complete at step {state.Record.Latest.Step}");
            Require(!_trained[(run, state.Record.Latest.FolderName)].Any(_poison[run].Contains), $"{run} is complete with windows that make its loss spike");
        }
    }

    /// <summary>The parts of an attempt that live, wherever.</summary>
    public IReadOnlyList<SimulatedPart> PartsOf(string run, int attempt) => [.. Parts.Where(p => p.Run == run && p.Attempt == attempt)];

    public bool Chance(int oneIn) => _random.Next(oneIn) == 0;

    public bool Lost() => _faulty && Chance(8);

    public void Write(string run, string checkpoint, IReadOnlyList<long> positions)
    {
        _disk[run].Add(checkpoint);
        _trained[(run, checkpoint)] = positions;
    }

    /// <summary>Whether windows at these positions make the loss of a run spike.</summary>
    public bool Spikes(string run, IEnumerable<long> positions) => positions.Any(_poison[run].Contains);

    private static HashSet<long> PoisonOf(int seed, int run)
    {
        var random = new Random(1000 * run + seed);
        return [.. Enumerable.Range(0, random.Next(3)).Select(_ => random.NextInt64(TotalSteps * StepWindows + 10))];
    }

    private RunRequest Request()
    {
        var (ranks, wanted) = (2 + _random.Next(2), 1 + _random.Next(nodes));
        var word = nodes > 1 && Chance(4) ? "all" : $"{wanted}";
        return new RunRequest
        {
            ConfigYaml = $"name: e\nkeep: {Keep}\nranks_per_node: {ranks}\nmin_ranks: {1 + _random.Next(2)}\nnodes: {word}\n"
                + $"batch_size: {1 + 5 * _random.Next(2)}\nmin_nodes: {1 + _random.Next(word == "all" ? 1 : wanted)}\nnode_wait: {_random.Next(90)}\n"
                + $"spike:\n  sigma: 6\n  skip: {_random.Next(2)}\n",
            TokensFolder = "/t",
            TokenizerFolder = "/v",
            Environment = new Dictionary<string, string>(),
        };
    }

    private void Step()
    {
        _now += TimeSpan.FromMilliseconds(_random.Next(1, 3000));
        try
        {
            switch (_random.Next(_faulty ? 15 : 10))
            {
                case < 5 when _inFlight.Count > 0:
                    for (var i = 1 + _inFlight.Count / 8; i > 0; i--) Deliver();
                    break;
                case 5:
                    foreach (var run in _states.Keys) Tick(run);
                    break;
                case 6:
                    foreach (var again in _nodes.SelectMany(n => n.Unanswered).ToList()) again();
                    break;
                case 7:
                    Pass();
                    break;
                case 8:
                    Mend();
                    break;
                case 10:
                    Crash(_nodes[_random.Next(nodes)]);
                    break;
                case 11 when Parts.Any():
                    End(Parts.ElementAt(_random.Next(Parts.Count())), null, CauseCard.Of(Chance(2) ? DeathKind.Outside : DeathKind.Rank, "killed"));
                    break;
                case 12:
                    Disturb(_states.Keys.ElementAt(_random.Next(Runs)));
                    break;
                case 13 when nodes > 1:
                    _nodes[_random.Next(nodes)].CutSince ??= _now;
                    break;
                case 14 when Chance(10):
                    _now += TimeSpan.FromMinutes(_random.Next(1, 100)); // the clock jumps
                    break;
                default:
                    foreach (var part in Parts.ToList()) part.Work();
                    break;
            }
        }
        catch (GrainCrash)
        {
            Crash(_nodes[_random.Next(nodes)]); // the silo that the grain was in
        }

        Check();
    }

    private void Deliver()
    {
        var index = _random.Next(_inFlight.Count);
        var act = _inFlight[index];
        _inFlight.RemoveAt(index);
        act();
    }

    /// <summary>
    /// Time passes: membership notices who is gone, leases end, nodes start again and cuts heal; a silo that was declared dead ends when it hears of it.
    /// </summary>
    private void Mend()
    {
        foreach (var node in _nodes)
        {
            if (!node.IsReachable) _dead.Add(node.Ref);
            if (node.CutSince is { } since && _now - since > _lease)
            {
                foreach (var part in node.Parts.Values.ToList()) End(part, null, CauseCard.Of(DeathKind.Outside, "its lease passed"));
            }

            if (_faulty && Chance(2)) continue;
            if (node.CutSince is not null && _dead.Contains(node.Ref)) node.Crash();
            node.CutSince = null;
            if (!node.IsUp) node.Start();
        }
    }

    /// <summary>A run's timer: it looks whether its silos live, and does what its state still asks for.</summary>
    private void Tick(string run)
    {
        foreach (var placement in _states[run].Placements.Where(p => p.End is null && _dead.Contains(p.Node)).ToList())
            Apply(run, new RunInput.SiloDied(placement.Node));
        Perform(run, RunDecider.Pending(_states[run]));
    }

    /// <summary>A client pins, leases, leaves windows out, stops or resumes.</summary>
    private void Disturb(string run)
    {
        var state = _states[run];
        if (state.Record is null) return;
        switch (_random.Next(5))
        {
            case 3 when Chance(3):
                var first = 1 + _random.Next(TotalSteps);
                var log = state.Record.Attempts.ToDictionary(a => a.Attempt, a => (a.FromStep ?? 0) + _random.Next(TotalSteps));
                Apply(run, new RunInput.Skip(first, Math.Min(TotalSteps, first + _random.Next(2)), log));
                break;
            case 0 when state.Record.Checkpoints.Count > 0:
                Apply(run, new RunInput.Pin(state.Record.Checkpoints[0].Step, Chance(2)));
                break;
            case 1 when state.Record.Latest is { } latest:
                if (!_leases.TryGetValue(run, out var leases)) _leases[run] = leases = [];
                if (!leases.Remove(latest.Step)) leases.Add(latest.Step);
                break;
            case 2 when Chance(6):
                Apply(run, new RunInput.Stop());
                break;
            default:
                Apply(run, new RunInput.Resume(new Dictionary<string, string>()));
                break;
        }
    }

    private void Crash(SimulatedNode node)
    {
        node.Crash();
        _leases.Clear();
    }

    private void MaybeCrash()
    {
        if (_faulty && Chance(60)) throw new GrainCrash();
    }

    public RunDecision Apply(string run, RunInput input)
    {
        var before = _states[run];
        var decision = RunDecider.Decide(before, input, _leases.GetValueOrDefault(run) ?? [], _now);
        if (input is RunInput.Commit commit && decision.Commit!.Accepted && !ReferenceEquals(decision.State, before))
            Require(commit.Checkpoint.Attempt == before.Record!.CurrentAttempt, $"{run}: attempt {commit.Checkpoint.Attempt} commits when it is over");
        if (!ReferenceEquals(decision.State, before))
        {
            MaybeCrash();
            _states[run] = decision.State;
            var (old, next) = (before.Record, decision.State.Record!);
            var last = old?.CurrentAttempt ?? 0;
            Require(next.CurrentAttempt >= last && next.CurrentAttempt <= last + 1, $"{run}: attempts went from {last} to {next.CurrentAttempt}");
            if (next.Latest is { } latest)
            {
                var goesBack = next.LeftOut?.Count > (old?.LeftOut?.Count ?? 0);
                Require(goesBack || latest.Step >= _committed.GetValueOrDefault(run), $"{run}: commits went back to {latest.Step}");
                _committed[run] = latest.Step;
            }
            else
            {
                Require(old?.Latest is null || next.LeftOut?.Count > (old.LeftOut?.Count ?? 0), $"{run}: all commits were forgotten");
                _committed[run] = 0;
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
                    Send(() => _queue = QueueDecider.Enqueue(_queue, run, enqueue.Attempt, 0, _states[run].Wanted, _now, enqueue.NotBefore));
                    break;
                case RunEffect.Dequeue:
                    Send(() => _queue = QueueDecider.Dequeue(_queue, run));
                    break;
                case RunEffect.Launch { Placement: var place }:
                    var record = _states[run].Record!;
                    var (attempt, from, world) = (record.CurrentAttempt, record.Latest?.Step ?? 0, _states[run].Placements.Sum(p => p.Devices.Count));
                    var committed = record.Checkpoints.Select(c => c.FolderName).ToHashSet();
                    var (leftOut, trained) = (record.LeftOut, record.Latest is { } start ? _trained[(run, start.FolderName)] : []);
                    SendTo(place.Node, node => Launch(node, run, attempt, from, place, world, committed, leftOut, trained));
                    break;
                case RunEffect.StopRank stop:
                    SendTo(stop.Node, node =>
                    {
                        if (node.Parts.GetValueOrDefault(run) is { } part && part.Attempt == stop.Attempt) part.Stopping = true;
                    });
                    break;
                case RunEffect.LookForNodes:
                    LookForNodes(run);
                    break;
                case RunEffect.DeleteCheckpoints discard:
                    Send(() =>
                    {
                        foreach (var folder in discard.Folders) Delete(run, folder);
                        Apply(run, new RunInput.CheckpointsDeleted(discard.Folders));
                    });
                    break;
            }
        }
    }

    /// <summary>The queue's pass: reserve on as many nodes as are wanted, grant, and release what is not.</summary>
    private void Pass()
    {
        foreach (var entry in QueueDecider.Order(_queue))
        {
            if (_now < entry.NotBefore) continue;
            var alive = _nodes.Where(n => n.IsReachable).ToList();
            var (wanted, fewest) = entry.Request.NodesNow(alive.Count, _now - entry.Since);
            var offers = new List<(NodeRef Node, IReadOnlyList<string> Devices)>();
            foreach (var node in alive.TakeWhile(_ => offers.Count < wanted))
            {
                var devices = Lost() ? [] : node.Devices.Reserve(entry.Run, entry.Attempt, entry.Request, _now).Devices;
                if (devices.Count > 0) offers.Add((node.Ref, devices));
            }

            var placements = entry.Request.Place(offers);
            var enough = placements.Count >= fewest || entry.Request.IsFull(placements);
            MaybeCrash();
            var granted = enough && Apply(entry.Run, new RunInput.Granted(placements, entry.Attempt)).Accepted;
            Release(entry, offers.Select(o => o.Node).Except(granted ? placements.Select(p => p.Node) : []));
            if (!enough) return;
            MaybeCrash();
            _queue = QueueDecider.Dequeue(_queue, entry.Run, entry.Attempt);
        }
    }

    private void Release(QueueEntry entry, IEnumerable<NodeRef> nodes)
    {
        foreach (var name in nodes)
        {
            SendTo(name, node =>
            {
                if (!node.Parts.ContainsKey(entry.Run)) node.Devices.Release(entry.Run, entry.Attempt);
            });
        }
    }

    private void LookForNodes(string run)
    {
        var state = _states[run];
        var more = _nodes.Where(n => n.IsReachable && state.Placements.All(p => p.Node != n.Ref))
            .Where(n => n.Devices.Reserve(run, state.Record!.CurrentAttempt + 1, state.Wanted, _now).Devices.Count > 0).Select(n => n.Ref.Node).ToList();
        if (more.Count > 0) Apply(run, new RunInput.Grow(more));
    }

    private void Launch(SimulatedNode node, string run, int attempt, long from, Placement placement, int worldSize, HashSet<string> committed,
        IReadOnlyList<LeftOutWindows>? leftOut, IReadOnlyList<long> trained)
    {
        if (node.Newest.GetValueOrDefault(run) >= attempt) return;
        node.Newest[run] = attempt;
        if (node.Parts.GetValueOrDefault(run) is { } older) End(older, null, CauseCard.Of(DeathKind.Peer, "its attempt is over"));
        Require(_worldSizes.TryAdd((run, attempt), worldSize) || _worldSizes[(run, attempt)] == worldSize, $"{run}, attempt {attempt}: two world sizes");
        var microBatches = StepWindows / _states[run].Request!.Config.MicroBatchSize;
        Require(_states[run].Record!.GlobalBatchWindows == 0 || worldSize <= microBatches, $"{run}, attempt {attempt}: {worldSize} ranks are too many");
        var part = new SimulatedPart(this, node, run, attempt, from, placement, worldSize, leftOut, trained);
        if (!node.Devices.Hold(placement.Devices, run, attempt, _now))
        {
            Tell(part, null, CauseCard.Of(DeathKind.Outside, "a device was taken"));
            return;
        }

        node.Parts[run] = part;
        if (placement.FirstRank != 0) return;
        foreach (var folder in _disk[run].Except(committed).ToList()) Delete(run, folder);
    }

    /// <summary>A renewal, and its answer: an attempt that is over, or a part of which has died, is to be ended.</summary>
    public bool HearsThatItIsOver(SimulatedPart part)
    {
        if (part.Node.CutSince is not null || Lost() || RunDecider.MayGoOn(_states[part.Run], part.Attempt)) return false;
        End(part, null, CauseCard.Of(DeathKind.Peer, "its attempt is over"));
        return true;
    }

    public void Report(SimulatedPart part, RankMessage message)
    {
        var number = ++part.Reports;
        Say(part.Node, () => Apply(part.Run, new RunInput.Reported(part.Attempt, number, [message])));
    }

    public void End(SimulatedPart part, RankMessage? ending, CauseCard? died)
    {
        part.Node.Parts.Remove(part.Run);
        part.Node.Devices.Release(part.Run, part.Attempt);
        Tell(part, ending, died);
    }

    private void Tell(SimulatedPart part, RankMessage? ending, CauseCard? died)
    {
        var from = part.Placement.Node;
        Say(part.Node, () => Apply(part.Run, new RunInput.Ended(from, new AttemptEnd(part.Attempt, ending, died))));
    }

    /// <summary>An agent says something to a run again and again until it is answered; none of it gets through while its node is cut off.</summary>
    private void Say(SimulatedNode node, Action hear)
    {
        void Again() => Send(() =>
        {
            if (node.CutSince is not null) return;
            hear();
            if (!Lost()) node.Unanswered.Remove(Again);
        });
        node.Unanswered.Add(Again);
        Again();
    }

    private void Delete(string run, string folder)
    {
        Require(_states[run].Record!.Checkpoints.All(c => c.FolderName != folder), $"{run}: the committed {folder} is deleted");
        _disk[run].Remove(folder);
    }

    /// <summary>A message to one life of a silo: another does not get it.</summary>
    private void SendTo(NodeRef target, Action<SimulatedNode> act) => Send(() =>
    {
        if (_nodes.FirstOrDefault(n => n.Ref == target && n.IsReachable) is { } node) act(node);
    });

    /// <summary>Puts a message on its way: late, perhaps never, perhaps twice.</summary>
    private void Send(Action act)
    {
        if (Lost()) return;
        _inFlight.Add(act);
        if (_faulty && Chance(8)) _inFlight.Add(act);
    }

    private void Check()
    {
        foreach (var (run, state) in _states.Where(s => s.Value.Record is not null))
        {
            Require(state.Record!.Checkpoints.All(c => _disk[run].Contains(c.FolderName)), $"{run}: a committed checkpoint is not on disk");
            var order = new PositionMap(state.Record.LeftOut);
            foreach (var c in state.Record.Checkpoints)
            {
                var expected = Enumerable.Range(0, (int)(c.Step * StepWindows)).Select(w => order.PositionOf(w));
                Require(_trained[(run, c.FolderName)].SequenceEqual(expected), $"{run}: {c.FolderName} saw other windows than the run's order has");
            }

            Require(state.Record.Checkpoints.Select(c => c.Step).Distinct().Count() == state.Record.Checkpoints.Count, $"{run}: a step is committed twice");
            Require(state.Record.Best is null || _disk[run].Contains(state.Record.Best.FolderName), $"{run}: the best is gone");
            Require(state.ToDelete.All(d => state.Record.Checkpoints.All(c => c.FolderName != d)), $"{run}: a committed checkpoint is to be deleted");
            foreach (var step in _leases.GetValueOrDefault(run) ?? [])
                Require(state.Record.Checkpoints.Any(c => c.Step == step), $"{run}: the leased checkpoint of step {step} is forgotten");
        }

        foreach (var node in _nodes)
        {
            var held = node.Parts.Values.SelectMany(p => p.Placement.Devices).ToList();
            Require(held.Distinct().Count() == held.Count, $"{node.Ref.Node}: a device is in two attempts");
        }
    }

    private void Require(bool right, string otherwise)
    {
        if (!right) throw new InvalidOperationException($"seed {seed}, {nodes} nodes: {otherwise}");
    }

    private sealed class GrainCrash : Exception;
}
