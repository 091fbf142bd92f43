using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Training.Checkpoints;
using Dtt.Training.Telemetry;

namespace Dtt.Training.Tests.Telemetry;

public sealed class SpikeWatchTests(TinyRun run) : IClassFixture<TinyRun>
{
    private static readonly double[] _four = [4, 5, 4, 5]; // mean 4.5, standard deviation 0.5

    [Theory]
    [InlineData(6.0, 1, false)]
    [InlineData(6.001, 1, true)]
    [InlineData(double.NaN, 1, true)]
    [InlineData(double.PositiveInfinity, 1, true)]
    [InlineData(4.5, double.NaN, true)]
    public void Look_FindsWhatIsThreeDeviationsAboveTheMean_OrNoNumber(double loss, double norm, bool spike)
    {
        var found = new SpikeWatch(new SpikeConfig(3, 4, 0), [9, 9, .. _four]).Look(7, loss, norm);
        Assert.Equal(spike ? new LossSpike(7, loss, 6) : null, found);
    }

    [Fact]
    public void Look_BeforeThereAreEnoughSteps_FindsOnlyWhatIsNoNumber()
    {
        var watch = new SpikeWatch(new SpikeConfig(3, 4, 0), [4, 5, 4]);
        Assert.Null(watch.Look(4, 100, 1));
        Assert.NotNull(watch.Look(4, double.NaN, 1));
        watch.Add(5);
        Assert.NotNull(watch.Look(5, 100, 1));
        Assert.Equal(_four, watch.Recent);
    }

    [Fact]
    public void Run_FromACheckpoint_LooksAtTheSameLossesAsOneThatWasNotInterrupted()
    {
        // A bound that the early, falling losses never reach; what is compared is what the last checkpoints know.
        string[] keys = ["max_steps: 9", "spike:", "  sigma: 1000", "  window: 4"];
        var (whole, first, second) = (new RecordingChannel(), new RecordingChannel { StopAtStep = 5 }, new RecordingChannel());
        run.Train(whole, 0, keys);
        var expected = Recent(whole.Commits.Last());
        run.Train(first, 0, keys);
        run.Train(second, 1, [new CommittedCheckpoint(first.Commits.Single())], keys);
        Assert.Equal(4, expected.Count);
        Assert.Equal(expected, Recent(second.Commits.Last()));
    }

    /// <summary>A rate that no weight survives: the second step's loss is not a number, whatever its windows are.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Run_ALossThatIsNoNumber_EndsForASpike_UntilItWasLeftOutThreeTimes(int lag)
    {
        string[] keys =
        [
            "max_steps: 6", "save_every: 1", "lr_schedule:", "  name: constant", "  params:", "    lr_max: 1.0e+30", "grad_clip: 0", "spike:", "  sigma: 6",
        ];
        var host = new RecordingChannel();
        var finished = run.Train(host, lag, keys);
        Assert.Equal((2L, false, 2L), (finished.Step, finished.Completed, finished.Spike!.Step));
        Assert.Equal([1L], host.Commits.Select(c => c.Step));
        var leftOut = Enumerable.Range(0, SpikeRules.MaxAtOneStep)
            .Select(i => new LeftOutWindows { From = 4 + 4 * i, To = 8 + 4 * i, FirstStep = 2, LastStep = 2, Attempt = 2 + i, Spike = true }).ToList();
        var last = new RecordingChannel();
        var error = Assert.Throws<UserErrorException>(() => run.Train(last, lag, spec => spec with { LeftOut = leftOut }, keys));
        Assert.StartsWith("step 2: the loss is NaN", error.Message);
        var said = Assert.Single(last.Messages.OfType<RankEvent>(), e => e.Kind == EventKinds.Spike);
        Assert.Equal("step 2: the loss or the gradient is not finite (loss NaN), but its windows were left out 3 times already, and others made it spike "
            + "again; nothing more is left out for it", said.Message);
    }

    [Fact]
    public void Run_ThatLeavesWindowsOut_TrainsOnThoseBehindThem()
    {
        var gap = new LeftOutWindows { From = 8, To = 16, FirstStep = 3, LastStep = 4, Attempt = 1 };
        var (whole, without) = (new RecordingChannel(), new RecordingChannel());
        run.Train(whole, 0, "max_steps: 6");
        run.Train(without, 0, spec => spec with { LeftOut = [gap] }, "max_steps: 6");
        var (all, some) = (Losses(whole), Losses(without));
        Assert.Equal(all.Take(2), some.Take(2));
        Assert.All(all.Zip(some).Skip(2), l => Assert.NotEqual(l.First, l.Second));

        // A checkpoint that saw what is left out now is not one to go on from.
        run.Train(whole, 0, "max_steps: 6");
        var host = new RecordingChannel();
        var refused = Assert.Throws<BadDataException>(() => run.Train(host, 0,
            spec => spec with { Attempt = 2, ResumeFrom = [new CommittedCheckpoint(whole.Commits.Last())], LeftOut = [gap] }, "max_steps: 6"));
        Assert.Contains("no checkpoint of run 'tiny' could be read", refused.Message);
        Assert.Contains("saw other windows than the run's order has up to its step", host.Messages.OfType<RankEvent>().Single().Message);
    }

    private IReadOnlyList<double> Recent(WrittenCheckpoint checkpoint) => CheckpointFolder.ReadManifest(
        new RunLayout(run.RunFolder).Checkpoint(checkpoint.FolderName), checkpoint.ManifestSha256).RecentLosses!;

    private static List<double> Losses(RecordingChannel host) => [.. host.Messages.OfType<MetricsReport>().SelectMany(m => m.Rows)
        .Where(r => r.Values.ContainsKey(MetricNames.TrainLoss)).Select(r => r.Values[MetricNames.TrainLoss])];
}
