using System.CommandLine;
using Dtt.Cli.Runs;
using Dtt.Client;

namespace Dtt.Cli.Commands;

/// <summary>The RUN argument, and commands about one run.</summary>
internal static class RunArguments
{
    /// <summary>RUN, with completion.</summary>
    public static Argument<string> Run(string description)
    {
        var argument = new Argument<string>("RUN") { Description = description };
        argument.CompletionSources.Add(_ => Names().Select(r => new System.CommandLine.Completions.CompletionItem(r)));
        return argument;
    }

    /// <summary>Names of the runs of a silo that lives already: a press of the tab key starts none.</summary>
    public static IEnumerable<string> Names() => NamesAsync().GetAwaiter().GetResult();

    private static async Task<IEnumerable<string>> NamesAsync()
    {
        await using var client = await PlatformClient.TryConnectAsync();
        if (client is null) return Directory.Exists(RunLookup.RunsFolder()) ? Directory.EnumerateDirectories(RunLookup.RunsFolder()).Select(d => Path.GetFileName(d)).Where(n => !n.StartsWith('.')) : [];
        return (await client.Grains.GetGrain<Abstractions.IPlatformGrain>(0).RunsAsync(null)).Select(r => r.Run).Distinct();
    }
}
