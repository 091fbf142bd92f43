using System.Diagnostics;
using Dtt.Tests;

namespace Dtt.Cluster.Tests;

/// <summary>Runs over two nodes of a platform: the weights of two ranks on one, whoever is killed.</summary>
public sealed class NodesTests(TwoNodes cluster, ITestOutputHelper output) : IClassFixture<TwoNodes>
{
    [Fact]
    public async Task ARunOverTwoNodes_HasTheWeightsOfTwoRanksOnOne()
    {
        const string run = "over";
        await cluster.Dtt.OutputAsync(["train", "-n", run, .. TwoNodes.Over]);
        await cluster.CheckUndisturbedAsync(run);
        var attempt = Assert.Single((await cluster.Dtt.JsonAsync("show", run)).GetProperty("history").EnumerateArray());
        Assert.Equal((2, 2), (attempt.GetProperty("nodes").GetInt32(), attempt.GetProperty("ranks").GetInt32()));
        Assert.Equal(0, (await cluster.Dtt.RunAsync("logs", run, "--rank", "1")).ExitCode);
    }

    [Theory]
    [InlineData("a")]
    [InlineData("b")]
    public async Task RankKilled_IsNamedWithItsNode_AndTheRunGoesOnByItself(string node)
    {
        if (node == "b") LongTests.Only();
        var run = $"rank-of-{node}-killed";
        using var dtt = await TrainAsync(run);
        Assert.Equal(0, Native.Kill(await cluster.RankOfAsync(node), Native.SigKill));
        Assert.Equal(0, (await dtt.WaitAsync()).ExitCode);
        await cluster.CheckUndisturbedAsync(run);
        var shown = await cluster.Dtt.JsonAsync("show", run);
        Assert.StartsWith($"rank {(node == "a" ? 0 : 1)} was killed by signal 9 in phase ", TinyProject.EventsOf(shown, "died").Single());
        var cause = shown.GetProperty("history")[0].GetProperty("cause");
        Assert.Equal((node, "outside"), (cause.GetProperty("node").GetString(), cause.GetProperty("kind").GetString()));
    }

    [Fact]
    public async Task RankStopped_IsNamedThoughTheOtherWaitsForIt()
    {
        const string run = "rank-stopped";
        using var dtt = await TrainAsync(run, ("DTT_DEADLINE_SCALE", "0.6"));
        Assert.Equal(0, Native.Kill(await cluster.RankOfAsync("b"), Native.SigStop));
        Assert.Equal(0, (await dtt.WaitAsync()).ExitCode);
        await cluster.CheckUndisturbedAsync(run);
        Assert.StartsWith("rank 1 hung in phase train", TinyProject.EventsOf(await cluster.Dtt.JsonAsync("show", run), "died").Single());
    }

    [Theory]
    [InlineData("a")]
    [InlineData("b")]
    public async Task SiloKilled_IsWaitedFor_AndTheRunGoesOnToTheSameWeights(string node)
    {
        LongTests.Only();
        var run = $"silo-of-{node}-killed";
        using var dtt = await TrainAsync(run);
        var rank = await cluster.RankOfAsync(node);
        var killed = Stopwatch.StartNew();
        await cluster[node].SignalAsync("KILL");
        await cluster[node == "a" ? "b" : "a"].SaidAsync($"node {node} is gone");
        output.WriteLine($"noticed after {killed.Elapsed.TotalSeconds:0.0} s");
        await Wait.ForAsync("the rank's end", () => !Processes.Lives(rank));
        await cluster.StartAsync(node);
        var ended = await dtt.WaitAsync();
        Assert.True(ended.ExitCode == 0, ended.Error);
        await cluster.CheckUndisturbedAsync(run);
        Assert.Contains($"the silo of node {node} died", TinyProject.EventsOf(await cluster.Dtt.JsonAsync("show", run), "died").Single());
    }

    [Fact]
    public async Task NodeLost_TheRunGoesOnWithFewer_AndTakesItAgainAfterACheckpoint()
    {
        const string run = "elastic-nodes";
        string[] elastic = ["--set", "node_wait=0", "--set", "save_every=5", "-e", "100", "--set", "max_steps=400", "--set", "eval_every=0"];
        using var dtt = await TrainAsync(run, elastic);
        var shownFirst = await cluster.Dtt.OutputAsync("show", run);
        Assert.Contains("rank 0: node a, cpu", shownFirst);
        Assert.Contains("rank 1: node b, cpu", shownFirst);
        await cluster["b"].SignalAsync("KILL");
        await Wait.ForAsync("a step of the second attempt", () => cluster.Project.StepsReported(run, 2) > 0);
        await cluster.StartAsync("b");
        await Wait.ForAsync("a step of the third attempt", () => cluster.Project.StepsReported(run, 3) > 0);
        await cluster.Dtt.OutputAsync("stop", run);
        _ = await dtt.WaitAsync();
        var shown = await cluster.Dtt.JsonAsync("show", run);
        Assert.Equal(["b: taken with the next attempt"], TinyProject.EventsOf(shown, "growing"));
        Assert.Equal([2, 1, 2], shown.GetProperty("history").EnumerateArray().Select(a => a.GetProperty("nodes").GetInt32()));
        Assert.Contains("ok: ", await cluster.Dtt.OutputAsync("audit", run));
    }

    [Fact]
    public async Task DatabaseKilledAndStartedAgain_StepsGoOn_AndNothingIsLost()
    {
        LongTests.Only();
        const string run = "database-killed";
        using var dtt = await TrainAsync(run);
        await cluster.Server.KillAsync();
        await cluster.Server.RestartAsync();
        var ended = await dtt.WaitAsync();
        Assert.True(ended.ExitCode == 0, ended.Error);
        await cluster.CheckUndisturbedAsync(run);
    }

    /// <summary><c>tests/kills</c> makes it long, or repeats a seed that failed.</summary>
    [Fact]
    public async Task AnythingOnAnyNode_KilledAtAnyTime_EndsBitIdentical()
    {
        var kills = int.Parse(Environment.GetEnvironmentVariable("DTT_KILLS") ?? "2");
        var seed = int.Parse(Environment.GetEnvironmentVariable("DTT_SEED") ?? Random.Shared.Next().ToString());
        var random = new Random(seed);
        output.WriteLine($"{kills} kills, DTT_SEED={seed}");
        for (int killed = 0, number = 0; killed < kills; number++)
        {
            var run = $"killed-{seed}-{number}";
            await cluster.Dtt.OutputAsync(["train", "-n", run, "--detach", .. TwoNodes.Over, "--set", "node_wait=3600"]);
            for (var steps = random.Next(TinyProject.Steps / 2); steps < TinyProject.Steps && killed < kills; killed++)
            {
                await Wait.ForAsync($"{steps} steps", () => cluster.Project.StepsReported(run) >= steps);
                await Task.Delay(random.Next(300));
                output.WriteLine($"{run}: {await cluster.KillAsync(random.Next(6))}");
                steps += 1 + random.Next(TinyProject.Steps / 2);
            }

            await cluster.Dtt.RunAsync("attach", run);
            await cluster.CheckUndisturbedAsync(run);
        }
    }

    /// <summary>A run over both nodes that is past its first steps.</summary>
    private Task<DttProgram.Running> TrainAsync(string run, params (string, string)[] environment) => TrainAsync(run, [], environment);

    private async Task<DttProgram.Running> TrainAsync(string run, string[] more, params (string, string)[] environment)
    {
        await cluster.BothAliveAsync();
        var dtt = cluster.Dtt.Start(["train", "-n", run, .. TwoNodes.Over, .. more], environment);
        await Wait.ForAsync("step 12", () => cluster.Project.StepsReported(run) >= 12);
        return dtt;
    }
}
