using System.Diagnostics;
using System.Globalization;
using Dtt.Tests;

namespace Dtt.Cluster.Tests;

/// <summary>
/// A platform of several nodes on this machine: a PostgreSQL, a home that they share, and a real silo on an address of the loopback network for each; with the
/// tiny project's data. Two ranks on one node are what runs over two nodes are compared with.
/// </summary>
public class TwoNodes : IAsyncLifetime
{
    /// <summary>One rank on each of two nodes, and the same of two ranks on one.</summary>
    public static readonly string[] Over = ["--set", "nodes=2", "--set", "grad_accumulation_steps=1"],
        Together = ["--set", "ranks_per_node=2", "--set", "grad_accumulation_steps=1"];

    private readonly Dictionary<string, (ClusterNode Silo, string State)> _nodes = [];
    private int _lives;

    public TinyProject Project { get; } = new();

    public PostgresServer Server { get; private set; } = null!;

    public DttProgram Dtt { get; private set; } = null!;

    /// <summary>Weights of the undisturbed run of two ranks.</summary>
    public string Undisturbed { get; private set; } = "";

    /// <summary>Why there can be none, or null.</summary>
    public virtual string? Missing => null;

    private string Postgres { get; set; } = "";

    public ClusterNode this[string node] => _nodes[node].Silo;

    public async ValueTask InitializeAsync()
    {
        if (Missing is not null) return;
        await PrepareAsync();
        Server = await StartServerAsync();
        Postgres = await Server.CreateDatabaseAsync();
        await Project.InitializeAsync();
        await Project.Dtt.OutputAsync(["train", "-n", "together", .. Together]);
        Undisturbed = await Project.FinalWeightsAsync("together");
        await Project.Dtt.EndSiloAsync();
        Dtt = new DttProgram(Project.Path, Path.Combine(Project.Path, ".cluster"), within: Within(null));
        await Task.WhenAll(StartAsync("a"), StartAsync("b"));
    }

    /// <summary>The state folder of a node's silo.</summary>
    public string StateOf(string node) => _nodes[node].State;

    /// <summary>Begins a life of a node's silo.</summary>
    /// <param name="node">Its name.</param>
    /// <param name="within">A command that the silo's is given to.</param>
    public async Task StartAsync(string node, params string[] within)
    {
        string[] command = [.. Within(node), .. within, "dotnet", DttProgram.Assembly, "silo", "run"];
        var start = new ProcessStartInfo(command[0], command[1..]) { WorkingDirectory = "/" };
        var state = Path.Combine(Project.Path, string.Create(CultureInfo.InvariantCulture, $".state-{node}-{Interlocked.Increment(ref _lives)}"));
        start.Environment["DTT_HOME"] = Dtt.Home;
        start.Environment["DTT_STATE"] = state;
        start.Environment["DTT_POSTGRES"] = Postgres;
        start.Environment["DTT_NODE"] = node;
        start.Environment["DTT_ADDRESS"] = AddressOf(node);
        var silo = new ClusterNode(start);
        lock (_nodes) _nodes[node] = (silo, state);
        Assert.True(await silo.ServesAsync(), silo.Log);
    }

    /// <summary>Waits until both nodes serve and say so.</summary>
    public Task BothAliveAsync() => Wait.UntilAsync("both nodes", async () =>
        (await Dtt.JsonAsync("nodes")).EnumerateArray().All(n => n.GetProperty("state").GetString() == "alive"));

    /// <summary>The rank that a node has, once it has one.</summary>
    public Task<int> RankOfAsync(string node) =>
        Wait.ForAsync($"a rank of node {node}", () => Processes.ChildrenOf(_nodes[node].Silo.Process) is [var rank, ..] ? rank : (int?)null);

    /// <summary>Kills one thing of six, or several, and starts again what does not come back by itself; says what it was.</summary>
    public async Task<string> KillAsync(int what)
    {
        switch (what)
        {
            case 0 or 1:
                var node = what == 0 ? "a" : "b";
                foreach (var rank in Processes.ChildrenOf(_nodes[node].Silo.Process)) _ = Native.Kill(rank, Native.SigKill);
                return $"the rank of node {node}";
            case 2:
                await RestartAsync("a");
                return "the silo of node a";
            case 3:
                await RestartAsync("b");
                return "the silo of node b";
            case 4:
                await Task.WhenAll(RestartAsync("a"), RestartAsync("b"));
                return "both silos";
            default:
                await Server.KillAsync();
                await Server.RestartAsync();
                return "the database";
        }
    }

    private async Task RestartAsync(string node)
    {
        await this[node].SignalAsync("KILL");
        await this[node].ExitAsync();
        await StartAsync(node);
    }

    /// <summary>The run is complete with the weights of two ranks on one node, every step stands once in its curve, and its audit finds nothing.</summary>
    public async Task CheckUndisturbedAsync(string run)
    {
        Assert.Equal(Undisturbed, await Project.FinalWeightsAsync(run, Dtt));
        await CheckAuditAsync(run);
    }

    /// <summary>Every step stands once in the run's curve, and its audit finds nothing.</summary>
    public async Task CheckAuditAsync(string run)
    {
        Assert.Equal(Enumerable.Range(1, TinyProject.Steps), (await Project.LossesAsync(run, Dtt)).Keys);
        Assert.Contains(TinyProject.AuditOk, await Dtt.OutputAsync("audit", run));
    }

    public virtual async ValueTask DisposeAsync()
    {
        foreach (var (silo, _) in _nodes.Values) silo.Dispose();
        await Project.DisposeAsync();
        if (Server is not null) await Server.DisposeAsync();
    }

    /// <summary>What the nodes need first.</summary>
    protected virtual Task PrepareAsync() => Task.CompletedTask;

    protected virtual Task<PostgresServer> StartServerAsync() => PostgresServer.StartAsync();

    protected virtual string AddressOf(string node) => node == "a" ? "127.0.0.2" : "127.0.0.3";

    /// <summary>What runs a program on a node, or commands where they are (null), when its command line follows.</summary>
    protected virtual string[] Within(string? node) => [];
}
