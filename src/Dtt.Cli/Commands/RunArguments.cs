using System.CommandLine;
using System.CommandLine.Completions;
using Dtt.Cli.Runs;
using Dtt.Client;

namespace Dtt.Cli.Commands;

/// <summary>The RUN argument, and commands about one run.</summary>
internal static class RunArguments
{
    /// <summary>RUN, with completion.</summary>
    public static Argument<string> Run(string description)
    {
        var argument = new Argument<string>("RUN") { Description = description, HelpName = "RUN" };
        argument.CompletionSources.Add(Names);
        return argument;
    }

    /// <summary>
    /// Names of the runs, from a silo that is running already or from the folder: the tab key starts no silo. None for a help text, which asks too, without
    /// a text to complete.
    /// </summary>
    public static IEnumerable<CompletionItem> Names(CompletionContext context) =>
        context is TextCompletionContext ? NamesAsync().GetAwaiter().GetResult().Select(r => new CompletionItem(r)) : [];

    private static async Task<IEnumerable<string>> NamesAsync()
    {
        await using var client = await PlatformClient.TryConnectAsync();
        if (client is not null) return (await client.Grains.GetGrain<Abstractions.IPlatformGrain>(0).RunsAsync(null)).Select(r => r.Run).Distinct();
        var folder = RunLookup.RunsFolder();
        return Directory.Exists(folder) ? Directory.EnumerateDirectories(folder).Select(d => Path.GetFileName(d)).Where(n => !n.StartsWith('.')) : [];
    }
}
