using System.CommandLine;
using Dtt.Abstractions;
using Dtt.Cli.Output;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt nodes</c>: the machines of the platform and what they do.</summary>
internal static class NodesCommand
{
    public static Command Create() => ListCommand.Create(
        new Command("nodes", "List the nodes of the platform, with their devices and what they do."),
        (client, _) => client.Grains.GetGrain<IPlatformGrain>(0).NodesAsync(),
        NodeOutput.Of,
        JsonOutput.Records.NodeOutputArray,
        nodes => Table.Print(
            nodes.Select(NodeOutput.Of),
            new("node", n => n.Node),
            new("state", n => n.State),
            new("address", n => n.Address),
            new("job", n => n.Job ?? ""),
            new("cores", n => $"{n.Cores}", Right: true),
            new("memory", n => n.MemoryBytes is { } bytes ? $"{bytes / 1e9:N0} GB" : "", Right: true),
            new("devices", n => string.Join(", ", n.Devices)),
            new("work", n => string.Join("; ", n.Work)),
            new("build", n => n.Build ?? ""),
            new("last seen", n => DateTimeOffset.Parse(n.LastSeen).ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss"))),
        empty: "no nodes.");
}
