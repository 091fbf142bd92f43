using System.Globalization;
using Dtt.Abstractions;
using Dtt.Grains.Datasets;
using Dtt.Grains.Tests.Datasets;

namespace Dtt.Grains.Tests.Simulation;

/// <summary>200 seeds, or as many as <c>DTT_SIMULATIONS</c> says.</summary>
public sealed class SimulationTests
{
    /// <summary>Not all threads of the pool: the grains of other tests need some.</summary>
    private static readonly ParallelOptions _onFewThreads = new() { MaxDegreeOfParallelism = Environment.ProcessorCount };

    private static int Seeds => int.TryParse(Environment.GetEnvironmentVariable("DTT_SIMULATIONS"), CultureInfo.InvariantCulture, out var n) ? n : 200;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(8)]
    public void Runs_KeepTheirInvariants_AndComeToTheirEnd(int nodes) =>
        Parallel.For(0, Seeds, _onFewThreads, seed => new RunSimulation(seed, nodes).Run());

    [Fact]
    public void Datasets_DoEveryPieceOnce() => Parallel.For(0, Seeds, _onFewThreads, Dataset);

    /// <summary>Two agents whose messages are lost and doubled, and a silo that forgets leases and the last second of its bitmap.</summary>
    private static void Dataset(int seed)
    {
        var random = new Random(seed);
        var now = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var job = DatasetDeciderTests.Job();
        var (state, durable, leases) = (DatasetDecider.Begin(new DatasetState(), job).State, new DatasetState(), new WorkLeases());
        durable = state;
        var agents = new[] { new HashSet<WorkItem>(), new HashSet<WorkItem>() };
        var finished = new HashSet<WorkItem>(); // what the shards and files know
        for (var i = 0; state.IsOpen; i++)
        {
            Assert.True(i < 20_000, $"seed {seed} hangs in {state.Stage}");
            now += TimeSpan.FromSeconds(random.Next(8));
            if (random.Next(25) == 0)
            {
                (state, leases) = (durable, new WorkLeases());
                foreach (var agent in agents) agent.Clear();
                continue;
            }

            var mine = agents[random.Next(2)];
            var done = mine.Where(_ => random.Next(2) == 0).ToList();
            finished.UnionWith(done);
            foreach (var item in done) mine.Remove(item);
            if (random.Next(6) == 0) continue; // the message is lost; the lease expires
            var before = state;
            leases.Renew("a", mine, now);
            leases.End(done);
            var reported = done.Concat(random.Next(6) == 0 ? done : []).Select(d => new WorkDone(d, Pieces: d.Stage == DatasetStage.Planning ? 9 : 0)).ToList();
            state = DatasetDecider.Apply(state, reported);
            var allDone = !before.IsByPiece || Enumerable.Range(0, 9).All(p => finished.Contains(new WorkItem(before.Stage, p, before.Begun)));
            Assert.True(state.Stage == before.Stage ? state.Done.Count >= before.Done.Count : allDone, $"seed {seed}: {before.Stage} ended too early");
            if (state.Stage != before.Stage)
            {
                leases.Clear();
                durable = state;
            }
            else if (random.Next(4) == 0)
            {
                durable = state;
            }

            if (random.Next(6) != 0) mine.UnionWith(leases.Acquire(state, "a", random.Next(4), now));
        }

        Assert.Equal(DatasetStage.Done, state.Stage);
        Assert.Equal(3 * 9 + 3, finished.Count);
    }
}
