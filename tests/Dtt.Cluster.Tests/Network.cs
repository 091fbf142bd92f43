using System.Diagnostics;
using Dtt.Tests;

namespace Dtt.Cluster.Tests;

/// <summary>
/// A network of its own: a hub, where the database and the commands are, with a cable to each node. A node has its own address and its own processes. All of it
/// lives in kernel namespaces that end with this process, whatever becomes of it; the machine's own network is left alone.
/// </summary>
internal sealed class Network : IDisposable
{
    /// <summary>The hub's address.</summary>
    public const string Hub = "10.78.0.100";

    private readonly Process _hub;
    private readonly Dictionary<string, Process> _nodes = [];

    private Network(Process hub) => _hub = hub;

    /// <summary>Why there can be none, or null.</summary>
    public static string? Missing { get; } =
        !Environment.IsPrivilegedProcess ? "only root can make a network of several nodes on one machine"
        : !Succeeds("ip", "-V") ? "ip is not installed (apt-get install iproute2)"
        : !Succeeds("unshare", "--net", "--pid", "--mount-proc", "--fork", "ip", "link", "add", "to-a", "type", "veth", "peer", "name", "eth0")
            ? "this machine lets nobody make namespaces (`unshare`) or cables between them (veth)" : null;

    /// <summary>The hub alone.</summary>
    public static async Task<Network> StartAsync()
    {
        var bridge = $"ip link add bridge type bridge && ip link set bridge up && ip addr add {Hub}/24 dev bridge";
        return new Network(await HoldAsync([], bridge));
    }

    /// <summary>A node's address: nodes are letters.</summary>
    public static string AddressOf(string node) => $"10.78.0.{node[0] - 'a' + 1}";

    /// <summary>What runs a program in the hub when its command line follows.</summary>
    public string[] AtHub => ["nsenter", "--target", $"{_hub.Id}", "--net", "--"];

    /// <summary>What runs a program on a node when its command line follows.</summary>
    public string[] At(string node) => ["nsenter", "--target", $"{FirstOf(node)}", "--net", "--pid", "--mount", "--"];

    /// <summary>Turns a node on, and lays its cable.</summary>
    public async Task AddAsync(string node)
    {
        _nodes[node] = await HoldAsync(["--pid", "--fork", "--kill-child", "--mount-proc"], "true");
        var last = node[0] - 'a' + 1;
        await InHubAsync($"link add to-{node} type veth peer name eth0 address 02:00:00:00:00:0{last} netns /proc/{FirstOf(node)}/ns/net");
        await InHubAsync($"link set to-{node} master bridge up");
        await RunAsync([.. At(node), "ip", "addr", "add", $"{AddressOf(node)}/24", "dev", "eth0"]);
        await RunAsync([.. At(node), "ip", "link", "set", "eth0", "up"]);
    }

    /// <summary>Pulls a node's cable: nothing comes through any more, and nobody is told.</summary>
    public Task CutAsync(string node) => InHubAsync($"link set to-{node} down");

    /// <summary>Puts it back.</summary>
    public Task HealAsync(string node) => InHubAsync($"link set to-{node} up");

    /// <summary>Nodes reach the hub, and no longer each other; or they do again.</summary>
    public async Task PartAsync(bool apart)
    {
        foreach (var node in _nodes.Keys) await InHubAsync($"link set to-{node} type bridge_slave isolated {(apart ? "on" : "off")}");
    }

    /// <summary>
    /// A node's power fails: its cable is dead before its processes are, so no connection is closed. <see cref="AddAsync"/> turns it on again.
    /// </summary>
    public async Task FailAsync(string node)
    {
        await CutAsync(node);
        End(_nodes[node]);
        await InHubAsync($"link del to-{node}", mayFail: true); // the kernel may have been faster
    }

    /// <summary>Processes of a node that run a program, by a part of its command line.</summary>
    public IReadOnlyList<int> ProcessesOf(string node, string program)
    {
        var first = FirstOf(node);
        return [.. Processes.InNamespaceOf(first).Where(p => Processes.CommandLine(p).Contains(program, StringComparison.Ordinal))];
    }

    public void Dispose()
    {
        foreach (var node in _nodes.Values.Append(_hub))
        {
            End(node);
            node.Dispose();
        }
    }

    /// <summary>The process that holds a node; it is the node's first, and all others end with it.</summary>
    private int FirstOf(string node) => Processes.ChildrenOf(_nodes[node].Id).Single();

    private static void End(Process holder)
    {
        if (!holder.HasExited) holder.Kill(entireProcessTree: true);
        holder.WaitForExit();
    }

    /// <summary>A network namespace with what else is asked for, held by a shell that ends when its input does, at the latest with this process.</summary>
    private static async Task<Process> HoldAsync(string[] more, string prepare)
    {
        var start = new ProcessStartInfo("unshare", ["--net", .. more, "sh", "-c", $"ip link set lo up && {prepare} && echo ready && cat; :"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        var holder = Process.Start(start)!;
        Assert.Equal("ready", await holder.StandardOutput.ReadLineAsync());
        return holder;
    }

    private Task InHubAsync(string arguments, bool mayFail = false) => RunAsync([.. AtHub, "ip", .. arguments.Split(' ')], mayFail);

    private static async Task RunAsync(string[] command, bool mayFail = false)
    {
        using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardError = true })!;
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(mayFail || process.ExitCode == 0, $"{string.Join(' ', command)}: {error}");
    }

    private static bool Succeeds(params string[] command)
    {
        try
        {
            var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
            using var process = Process.Start(start)!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
