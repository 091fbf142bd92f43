using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Grains.Devices;

namespace Dtt.Grains.Tests.Simulation;

/// <summary>A node of the simulated platform: its silo's life, its devices, and the parts of attempts that live on it.</summary>
internal sealed class SimulatedNode(string name, string[] machine)
{
    private int _life;

    /// <summary>This life of its silo.</summary>
    public NodeRef Ref => new(name, $"{_life}");

    /// <summary>Whether its silo runs.</summary>
    public bool IsUp { get; private set; } = true;

    /// <summary>When the network to all others was cut; null: it is whole.</summary>
    public DateTimeOffset? CutSince { get; set; }

    /// <summary>Whether grains and it hear each other.</summary>
    public bool IsReachable => IsUp && CutSince is null;

    public DeviceTable Devices { get; private set; } = new(machine);

    /// <summary>The living parts, by run.</summary>
    public Dictionary<string, SimulatedPart> Parts { get; private set; } = [];

    public Dictionary<string, int> Newest { get; private set; } = [];

    /// <summary>What it says again until it is answered.</summary>
    public List<Action> Unanswered { get; private set; } = [];

    /// <summary>The silo dies, and everything that lived in it.</summary>
    public void Crash()
    {
        IsUp = false;
        (Devices, Parts, Newest, Unanswered) = (new DeviceTable(machine), [], [], []);
    }

    /// <summary>Another life begins.</summary>
    public void Start() => (_life, IsUp, CutSince) = (_life + 1, true, null);
}

/// <summary>The ranks of an attempt on one node.</summary>
internal sealed class SimulatedPart(RunSimulation world, SimulatedNode node, string run, int attempt, long from, Placement placement, int worldSize,
    IReadOnlyList<LeftOutWindows>? leftOut, IReadOnlyList<long> trained)
{
    private readonly PositionMap _order = new(leftOut);
    private readonly List<long> _trained = [.. trained];
    private long _step = from;
    private bool _asked, _started;

    public SimulatedNode Node => node;

    public string Run => run;

    public int Attempt => attempt;

    public int WorldSize => worldSize;

    public Placement Placement => placement;

    public long Reports { get; set; }

    public bool Stopping { get; set; }

    /// <summary>A step of the whole attempt, which rank 0's part does for all: a checkpoint on disk, its commit, and the end when there is one.</summary>
    public void Work()
    {
        if (world.HearsThatItIsOver(this)) return;
        var all = world.PartsOf(run, attempt);
        if (world.Finished.TryGetValue((run, attempt), out var finished))
        {
            world.End(this, finished, null);
            return;
        }

        if (all.Sum(p => p.Placement.Devices.Count) != worldSize || all.Any(p => p.Node.CutSince is not null))
        {
            // Not all there yet, or not any more: then those that are left lose their peers sooner or later.
            if (_started && world.Chance(3)) world.End(this, null, CauseCard.Of(DeathKind.Peer, "a peer disappeared"));
            return;
        }

        foreach (var part in all) part._started = true;
        if (placement.FirstRank != 0) return;
        if (Reports == 0)
        {
            var plan = new RunPlan(RunSimulation.TotalSteps, RunSimulation.StepWindows, 1);
            world.Report(this, new RankStarted { FromStep = _step, Plan = plan, Fingerprint = "f", Parameters = 1, Device = "cpu" });
        }

        if (!_asked && _step < RunSimulation.TotalSteps)
        {
            _step++;
            for (var i = 0; i < RunSimulation.StepWindows; i++) _trained.Add(_order.PositionOf((_step - 1) * RunSimulation.StepWindows + i));
            if (world.Spikes(run, _trained.TakeLast((int)RunSimulation.StepWindows)) && SpikeRules.WhyNotLeftOut(leftOut, _step) is null)
            {
                world.Finished[(run, attempt)] = new RankFinished(_step, Completed: false) { Spike = new LossSpike(_step, 9, 5) };
                world.End(this, world.Finished[(run, attempt)], null);
                return;
            }

            _asked = true;
            world.Write(run, CommittedCheckpoint.FolderNameOf(_step, attempt), [.. _trained]);
        }

        if (_asked && !IsCommitted()) return;
        if (!all.Any(p => p.Stopping) && _step < RunSimulation.TotalSteps) return;
        var end = new RankFinished(_step, _step == RunSimulation.TotalSteps);
        world.Finished[(run, attempt)] = end;
        world.End(this, end, null);
    }

    private bool IsCommitted()
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
        if (world.Lost()) return false;
        var reply = world.Apply(run, new RunInput.Commit(checkpoint)).Commit!;
        if (world.Lost()) return false; // the answer was lost: it is asked again
        if (reply.Transient) return false;
        if (!reply.Accepted) world.End(this, null, CauseCard.Of(DeathKind.Outside, $"refused: {reply.Reason}"));
        _asked = !reply.Accepted;
        return reply.Accepted;
    }
}
