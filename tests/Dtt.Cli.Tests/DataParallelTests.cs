using System.Text.RegularExpressions;
using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>Runs on several ranks, as processes that find each other through the platform.</summary>
[Collection(RankAndCommandTests.Name)]
public sealed class DataParallelTests(TinyProject project, ITestOutputHelper output)
{
    private const double LossTolerance = 2e-4; // fp32 sums in another order, over 40 steps

    [Fact]
    public async Task TwoRanks_LearnWhatOneDoes_AndSurviveTheKillOfEitherBitIdentical()
    {
        // The tiny project's step is two micro-batches: one for each rank makes the same global batch.
        string[] two = ["--set", "ranks_per_node=2", "--set", "grad_accumulation_steps=1"];
        await project.Dtt.OutputAsync(["train", "-n", "two-ranks", .. two]);
        AssertSameCurve(project.UndisturbedLosses, await project.LossesAsync("two-ranks"));
        var undisturbed = await project.FinalWeightsAsync("two-ranks");
        Assert.Contains("2 ranks", TinyProject.EventsOf(await project.Dtt.JsonAsync("show", "two-ranks"), "started").Single());

        foreach (var rank in LongTests.Asked ? new[] { 1, 0 } : [1])
        {
            var run = $"two-ranks-kill-{rank}";
            using (var dtt = project.Dtt.Start(["train", "-n", run, .. two]))
            {
                await Wait.ForAsync("step 13", () => project.StepsReported(run) >= 13);
                Assert.Equal(0, Native.Kill(Processes.ChildrenOf(project.Dtt.Silo!.Value).Order().ElementAt(rank), Native.SigKill));
                var result = await dtt.WaitAsync();
                Assert.True(result.ExitCode == 0, result.Error);
            }

            var died = TinyProject.EventsOf(await project.Dtt.JsonAsync("show", run), "died").Single();
            Assert.Matches($@"^rank {rank} was killed by signal 9 in phase \w+ after step \d\d", died);
            Assert.Equal(undisturbed, await project.FinalWeightsAsync(run));
            await project.Dtt.OutputAsync("logs", run, "--rank", "1"); // each rank has its own
            Assert.Contains("no log of rank 2 in attempt 2", (await project.Dtt.RunAsync("logs", run, "--rank", "2")).Error);
            Assert.Contains(TinyProject.AuditOk, await project.Dtt.OutputAsync("audit", run));
        }
    }

    [Fact]
    public async Task ARankThatHangs_IsNamedThoughTheOtherWaitsForIt()
    {
        LongTests.Only();
        const string run = "two-ranks-hang";
        string[] train = ["train", "-n", run, "--set", "ranks_per_node=2", "--set", "grad_accumulation_steps=1"];
        using var dtt = project.Dtt.Start(train, ("DTT_DEADLINE_SCALE", "0.6"));
        await Wait.ForAsync("step 13", () => project.StepsReported(run) >= 13);
        Assert.Equal(0, Native.Kill(Processes.ChildrenOf(project.Dtt.Silo!.Value).Order().Last(), Native.SigStop));
        Assert.Equal(0, (await dtt.WaitAsync()).ExitCode);
        var died = TinyProject.EventsOf(await project.Dtt.JsonAsync("show", run), "died").Single();
        output.WriteLine(died);
        Assert.Matches(@"^(rank 1|every rank waits for the others in collective \d+; rank \d) hung in phase train after step 1\d: no sign for \d+ s", died);
    }

    [Fact]
    public async Task WorldSizeChangesMidEpoch_TheWindowsOfAStepStay()
    {
        LongTests.Only();
        // 1 → 2 → 3 → 1 ranks; the 25 micro-batches of a step divide unevenly, and each rank keeps its share of the optimizer.
        const string run = "elastic";
        const int steps = 200; // enough that no stop comes after the end
        string[] shape =
        [
            "--set", "batch_size=2", "--set", "grad_accumulation_steps=25", "-e", "10", "--set", $"max_steps={steps}", "--set", "save_every=100",
            "--set", "eval_every=0", "--set", "shard_optimizer=true",
        ];
        await project.Dtt.OutputAsync(["train", "-n", "steady", .. shape]);
        var steady = await project.LossesAsync("steady");

        await project.Dtt.OutputAsync(["train", "-n", run, "--detach", .. shape]);
        foreach (var (ranks, until) in new[] { (2, 5), (3, 20), (1, 35) })
        {
            await Wait.ForAsync($"step {until}", () => project.StepsReported(run) >= until);
            await project.Dtt.OutputAsync("stop", run);
            await project.Dtt.OutputAsync("resume", run, "--detach", "--ranks", $"{ranks}");
        }

        await project.Dtt.OutputAsync("attach", run); // the news of the stops before do not end it
        var losses = await project.LossesAsync(run);
        Assert.Equal(Enumerable.Range(1, steps), losses.Keys);
        AssertSameCurve(steady, losses);
        Assert.Contains(TinyProject.AuditOk, await project.Dtt.OutputAsync("audit", run));
        var shown = await project.Dtt.JsonAsync("show", run);
        var started = TinyProject.EventsOf(shown, "started").Select(m => Regex.Match(m, @"\d ranks").Value);
        Assert.Equal(["", "2 ranks", "3 ranks", ""], started);
    }

    [Fact]
    public async Task MoreRanksThanMicroBatches_IsRefusedWithWhatToDo()
    {
        const string run = "too-many";
        await project.Dtt.OutputAsync("train", "-n", run, "-e", "1000", "--set", "max_steps=100000", "--detach");
        await Wait.ForAsync("a step", () => project.StepsReported(run) >= 1);
        await project.Dtt.OutputAsync("stop", run);
        var refused = await project.Dtt.RunAsync("resume", run, "--ranks", "3");
        Assert.Equal(3, refused.ExitCode);
        Assert.Contains("3 ranks are too many: a step of 8 windows has 2 micro-batches of 4", refused.Error);
        Assert.Contains("Use at most 2 ranks", refused.Error);
    }

    private void AssertSameCurve(SortedDictionary<int, double> expected, SortedDictionary<int, double> actual)
    {
        var worst = expected.Max(e => Math.Abs(e.Value - actual[e.Key]));
        output.WriteLine($"worst difference of the losses {worst:0.0e+00}");
        Assert.InRange(worst, 0, LossTolerance);
    }
}
