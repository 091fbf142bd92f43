using System.Diagnostics;
using Dtt.Tests;

namespace Dtt.Cluster.Tests;

/// <summary>
/// Runs over two nodes whose network is cut and healed. No packet comes through and none says so: what is not there is known by its silence alone.
/// </summary>
public sealed class NetworkTests(NetworkNodes cluster, ITestOutputHelper output) : IClassFixture<NetworkNodes>
{
    private const int DeclaredDead = 75;

    private static readonly string[] _waiting = ["--set", "node_wait=3600"], _fewer = ["--set", "node_wait=0", "--set", "min_nodes=1"];

    [Fact]
    public async Task NodeCutOff_IsWaitedFor_AndTheRunEndsWithTheSameWeights()
    {
        LongTests.Only();
        const string run = "cut-off", node = "b";
        using var dtt = await TrainAsync(run, _waiting);
        Assert.Single(cluster.Network.ProcessesOf(node, "dtt-rank"));
        await CutAsync(node);
        await cluster.Network.HealAsync(node);
        Assert.Equal(DeclaredDead, await cluster[node].ExitAsync());
        await cluster.StartAsync(node);
        await EndAsync(dtt, run, node);
        await cluster.CheckUndisturbedAsync(run);
    }

    [Theory]
    [InlineData("a")]
    [InlineData("b")]
    public async Task NodeCutOffForLong_ItsRanksEndWithTheirLease(string node)
    {
        LongTests.Only();
        var run = $"cut-off-for-long-{node}";
        using var dtt = await TrainAsync(run, _fewer);
        var cut = Stopwatch.StartNew();
        await CutAsync(node);
        await Wait.ForAsync("the end of the ranks of the node that is cut off", () => cluster.Network.ProcessesOf(node, "dtt-rank").Count == 0);
        output.WriteLine($"its rank ended after {cut.Elapsed.TotalSeconds:0.0} s");
        await cluster.Network.HealAsync(node);
        Assert.Equal(DeclaredDead, await cluster[node].ExitAsync());
        await cluster.StartAsync(node);
        await EndAsync(dtt, run, node);
        await cluster.CheckAuditAsync(run);
    }

    [Fact]
    public async Task NodesApart_OneOfThemGoesOn()
    {
        const string run = "apart";
        using var dtt = await TrainAsync(run, _waiting);
        await cluster.Network.PartAsync(true);
        var (a, b) = (cluster["a"].ExitAsync(), cluster["b"].ExitAsync());
        var dead = await Task.WhenAny(a, b) == a ? "a" : "b";
        Assert.Equal(DeclaredDead, await cluster[dead].ExitAsync());
        Assert.Empty(cluster.Network.ProcessesOf(dead, "dtt-rank"));
        await cluster.Network.PartAsync(false);
        await cluster.StartAsync(dead);
        await EndAsync(dtt, run, dead);
        await cluster.CheckUndisturbedAsync(run);
    }

    [Fact]
    public async Task PowerOfANodeFails_TheRunGoesOnWithTheOther()
    {
        LongTests.Only();
        const string run = "power", node = "a";
        using var dtt = await TrainAsync(run, _fewer);
        var failed = Stopwatch.GetTimestamp();
        await cluster.Network.FailAsync(node);
        var noticed = await cluster[Other(node)].SaidAsync($"node {node} is gone", failed);
        await Wait.ForAsync("a step of the next attempt", () => cluster.Project.StepsReported(run, 2) > 0);
        output.WriteLine($"noticed after {Stopwatch.GetElapsedTime(failed, noticed).TotalSeconds:0.0} s, the next attempt's first step after "
            + $"{Stopwatch.GetElapsedTime(failed).TotalSeconds:0.0} s, load {File.ReadAllText("/proc/loadavg").Split(' ')[0]}");
        await cluster.Network.AddAsync(node);
        await cluster.StartAsync(node);
        await EndAsync(dtt, run, node);
        await cluster.CheckAuditAsync(run);
    }

    private static string Other(string node) => node == "a" ? "b" : "a";

    /// <summary>A run over both nodes that is past its first steps.</summary>
    private async Task<DttProgram.Running> TrainAsync(string run, string[] more)
    {
        Assert.SkipWhen(cluster.Missing is not null, cluster.Missing ?? "");
        await cluster.BothAliveAsync();
        var dtt = cluster.Dtt.Start(["train", "-n", run, .. TwoNodes.Over, .. more]);
        await Wait.ForAsync("step 12", () => cluster.Project.StepsReported(run) >= 12);
        return dtt;
    }

    /// <summary>Cuts a node off, until the other one knows.</summary>
    private async Task CutAsync(string node)
    {
        var cut = Stopwatch.GetTimestamp();
        await cluster.Network.CutAsync(node);
        var noticed = await cluster[Other(node)].SaidAsync($"node {node} is gone", cut);
        output.WriteLine($"noticed after {Stopwatch.GetElapsedTime(cut, noticed).TotalSeconds:0.0} s");
    }

    /// <summary>The command sees the run's end, no rank is left anywhere, and an event says which node it was.</summary>
    private async Task EndAsync(DttProgram.Running dtt, string run, string lost)
    {
        var ended = await dtt.WaitAsync();
        Assert.True(ended.ExitCode == 0, ended.Error);
        foreach (var node in new[] { "a", "b" })
            await Wait.ForAsync($"the end of the ranks of node {node}", () => cluster.Network.ProcessesOf(node, "dtt-rank").Count == 0);
        var died = TinyProject.EventsOf(await cluster.Dtt.JsonAsync("show", run), "died");
        Assert.True(died.Any(e => e.Contains($"the silo of node {lost} died or was cut off", StringComparison.Ordinal)), string.Join('\n', died));
    }
}
