using System.Diagnostics;
using System.Text.Json;
using Dtt.Core.Platform;
using Dtt.Tests;

namespace Dtt.Silo.Tests.Cluster;

/// <summary>Several silos of one platform on this machine: a database, a home that they share, and an address of the loopback network for each.</summary>
public sealed class TestCluster(string postgres) : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly List<ClusterNode> _nodes = [];

    public string this[string name] => _folder[name];

    public string Folder => _folder.Path;

    public string Home => _folder["home"];

    /// <summary>What commands and silos are given to.</summary>
    public string[] Within { get; set; } = [];

    public PlatformFolders Folders => new(Home, _folder["client"]);

    /// <summary>Starts a silo, and says nothing about whether it can.</summary>
    public ClusterNode Start(string name, string? address, params (string Name, string Value)[] environment)
    {
        (string, string)[] own =
        [
            ("DTT_POSTGRES", postgres), ("DTT_NODE", name), ("DTT_ADDRESS", address ?? ""), ("DTT_STATE", _folder[$"state-{name}-{_nodes.Count}"]),
        ];
        var node = new ClusterNode(Command(["silo", "run"], [.. own, .. environment]));
        _nodes.Add(node);
        return node;
    }

    /// <summary>A silo that serves.</summary>
    public async Task<ClusterNode> StartAsync(string name, string address, params (string Name, string Value)[] environment)
    {
        var node = Start(name, address, environment);
        Assert.True(await node.ServesAsync(), node.Log);
        return node;
    }

    public SiloAnnouncement AnnouncementOf(string name) => ClusterFolder.Read(Folders).Single(s => s.Node == name);

    public string Write(string name, string content) => _folder.Write(name, content);

    /// <summary>Runs a command, as on a login node: it has a state folder of its own, and no database.</summary>
    public Task<(int Code, string Output, string Error)> DttAsync(params string[] arguments) => DttAsync(arguments, []);

    public async Task<(int Code, string Output, string Error)> DttAsync(string[] arguments, (string Name, string Value)[] environment)
    {
        var start = Command(arguments, [("DTT_STATE", _folder["client"]), .. environment]);
        (start.RedirectStandardOutput, start.RedirectStandardError, start.RedirectStandardInput) = (true, true, true);
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }

    /// <summary>What a command that succeeds prints.</summary>
    public async Task<string> OutputAsync(params string[] arguments)
    {
        var (code, output, error) = await DttAsync(arguments);
        Assert.True(code == 0, error);
        return output;
    }

    public async Task<JsonElement> JsonAsync(params string[] arguments) =>
        JsonDocument.Parse(await OutputAsync([.. arguments, "--json"])).RootElement;

    /// <summary>The nodes and how each is: <c>a alive, b dead</c>.</summary>
    public async Task<string> StatesAsync() => string.Join(", ", (await JsonAsync("nodes")).EnumerateArray()
        .Select(n => $"{n.GetProperty("node").GetString()} {n.GetProperty("state").GetString()}"));

    public void Dispose()
    {
        foreach (var node in _nodes) node.Dispose();
        _folder.Dispose();
    }

    private ProcessStartInfo Command(string[] arguments, (string Name, string Value)[] environment)
    {
        string[] command = [.. Within, "dotnet", Repository.Built("Dtt.Cli", "dtt.dll"), .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..]) { WorkingDirectory = _folder.Path };
        start.Environment["DTT_HOME"] = Home;
        start.Environment["DOTNET_PROCESSOR_COUNT"] = "2"; // a node of many cores would take every piece before the other asks
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return start;
    }
}
