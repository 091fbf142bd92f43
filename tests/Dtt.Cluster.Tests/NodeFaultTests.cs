using Dtt.Tests;

namespace Dtt.Cluster.Tests;

/// <summary>Runs over two nodes whose database is away, whose nodes leave in order, or whose disk is full.</summary>
public sealed class NodeFaultTests(TwoNodes cluster, ITestOutputHelper output) : IClassFixture<TwoNodes>
{
    /// <summary><c>tests/kills</c> makes it longer than a minute.</summary>
    [Theory]
    [InlineData("KILL")]
    [InlineData("STOP")]
    public async Task DatabaseAway_StepsGoOn_AndTheSameAttemptEnds(string signal)
    {
        if (signal == "STOP") LongTests.Only();
        var run = $"database-{signal.ToLowerInvariant()}";
        var outage = TimeSpan.FromSeconds(int.Parse(Environment.GetEnvironmentVariable("DTT_OUTAGE") ?? "0"));
        using var dtt = await TrainAsync(run, step: 2);
        if (signal == "KILL") await cluster.Server.KillAsync();
        else await cluster.Server.SignalAsync("STOP");
        await Wait.ForAsync("steps without a database", () => cluster.Project.StepsReported(run) >= 15);
        await Task.Delay(outage);
        if (signal == "KILL") await cluster.Server.RestartAsync();
        else await cluster.Server.SignalAsync("CONT");
        var ended = await dtt.WaitAsync();
        Assert.True(ended.ExitCode == 0, ended.Error);
        await cluster.CheckUndisturbedAsync(run);
        Assert.Single((await cluster.Dtt.JsonAsync("show", run)).GetProperty("history").EnumerateArray());
    }

    /// <summary>The node of rank 0, and another.</summary>
    [Theory]
    [InlineData("a", "TERM")]
    [InlineData("b", "TERM")]
    [InlineData("b", "stop")]
    public async Task NodeLeaves_ItsRunSavesAndWaits_AndEndsWithTheSameWeights(string node, string how)
    {
        LongTests.Only();
        var run = $"{node}-leaves-by-{how.ToLowerInvariant()}";
        using var dtt = await TrainAsync(run);
        if (how == "TERM") await cluster[node].SignalAsync(how);
        else output.WriteLine((await cluster.Dtt.RunAsync(["silo", "stop", "--force"], ("DTT_STATE", cluster.StateOf(node)))).Error);
        Assert.Equal(0, await cluster[node].ExitAsync());
        await cluster.StartAsync(node);
        var ended = await dtt.WaitAsync();
        Assert.True(ended.ExitCode == 0, ended.Error);
        await cluster.CheckUndisturbedAsync(run);
        var history = (await cluster.Dtt.JsonAsync("show", run)).GetProperty("history").EnumerateArray().ToList();
        Assert.InRange(history.Count, 1, 2); // the run may have come to its end before its node left
    }

    [Fact]
    public async Task NodeLeaves_ThatIsNotWaitedFor_TheRunGoesOnWithTheOther()
    {
        LongTests.Only();
        const string run = "left-alone";
        using var dtt = await TrainAsync(run, more: ["--set", "node_wait=0"]);
        await cluster["b"].SignalAsync("TERM");
        var ended = await dtt.WaitAsync();
        Assert.True(ended.ExitCode == 0, ended.Error);
        await cluster.CheckAuditAsync(run);
        var history = (await cluster.Dtt.JsonAsync("show", run)).GetProperty("history").EnumerateArray();
        Assert.Equal(new[] { 2, 1 }.Take(history.Count()), history.Select(a => a.GetProperty("nodes").GetInt32())); // or it came to its end before
        Assert.Equal(0, await cluster["b"].ExitAsync());
        await cluster.StartAsync("b");
    }

    [Fact]
    public async Task DiskFull_FailsTheSavesAndNeverThePreviousCheckpoint()
    {
        LongTests.Only();
        const string run = "disk-full";
        using var mounts = await OwnMounts.StartAsync();
        try
        {
            var runs = Path.Combine(cluster.Project.Path, "runs");
            await mounts.DiskAsync(runs, "900k");
            await RestartAsync(mounts.Within);

            // The disk has room for one checkpoint of three.
            var failed = await cluster.Dtt.RunAsync(["train", "-n", run, .. TwoNodes.Over]);
            Assert.Equal(1, failed.ExitCode);
            Assert.Contains("could not be written (No space left on device", failed.Error);
            Assert.Contains($"free some space and `dtt resume {run}`", failed.Error);
            var shown = await cluster.Dtt.JsonAsync("show", run);
            Assert.Equal([10], shown.GetProperty("checkpoints").EnumerateArray().Select(c => c.GetProperty("step").GetInt32()));
            Assert.NotEmpty(TinyProject.EventsOf(shown, "save_failed"));

            await mounts.ResizeAsync(runs, "50m");
            await cluster.Dtt.OutputAsync("resume", run);
            Assert.Equal(cluster.Undisturbed, await cluster.Project.FinalWeightsAsync(run, cluster.Dtt));
        }
        finally
        {
            await RestartAsync();
        }
    }

    private async Task RestartAsync(params string[] within) => await Task.WhenAll(new[] { "a", "b" }.Select(async node =>
    {
        await cluster[node].SignalAsync("TERM");
        await cluster[node].ExitAsync();
        await cluster.StartAsync(node, within);
    }));

    /// <summary>A run over both nodes that has come to a step: its first checkpoint is due at 10.</summary>
    private async Task<DttProgram.Running> TrainAsync(string run, int step = 12, params string[] more)
    {
        await cluster.BothAliveAsync();
        var dtt = cluster.Dtt.Start(["train", "-n", run, .. TwoNodes.Over, .. more]);
        await Wait.ForAsync($"step {step}", () => cluster.Project.StepsReported(run) >= step);
        return dtt;
    }
}
