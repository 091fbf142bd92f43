using System.CommandLine;
using Dtt.Cli.Output;
using Dtt.Cli.Runs;
using Dtt.Core.Runs;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt events RUN</c>: what happened to a run.</summary>
internal static class EventsCommand
{
    public static Command Create()
    {
        var run = RunArguments.Run("The run.");
        return ListCommand.Create(
            new Command("events", "List what happened to a run: starts, commits, failures, recoveries.") { run },
            async (client, result) => await (await RunLookup.FindAsync(client, result.GetValue(run)!)).Grain.EventsAsync(),
            EventOutput.Of,
            JsonOutput.Records.EventOutputArray,
            events => Print(events, indent: ""),
            empty: "no events yet.");
    }

    public static void Print(IReadOnlyList<RunEvent> events, string indent)
    {
        foreach (var e in events) Console.Out.WriteLine($"{indent}{e.At.ToLocalTime():yyyy-MM-dd HH:mm:ss}  {e.Kind,-11} {e.Message}");
    }
}
