using System.CommandLine;
using System.Text.Json.Nodes;
using Dtt.Cli.Runs;
using Dtt.Core.Runs;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt events RUN</c>: what happened to a run.</summary>
internal static class EventsCommand
{
    public static Command Create()
    {
        var run = RunArguments.Run("The run.");
        var json = new Option<bool>("--json") { Description = "A JSON list." };
        var command = new Command("events", "List what happened to a run.") { run, json };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var events = await (await RunLookup.FindAsync(client, result.GetValue(run)!)).Grain.EventsAsync();
            if (result.GetValue(json)) Console.Out.WriteLine(Json(events).ToJsonString(JsonOutput.Options));
            else Print(events, "");
        });
        return command;
    }

    public static JsonArray Json(IReadOnlyList<RunEvent> events) =>
        new([.. events.Select(e => new JsonObject { ["at"] = e.At.ToString("O"), ["kind"] = e.Kind, ["message"] = e.Message })]);

    public static void Print(IReadOnlyList<RunEvent> events, string indent)
    {
        foreach (var e in events) Console.Out.WriteLine($"{indent}{e.At.ToLocalTime():yyyy-MM-dd HH:mm:ss}  {e.Kind,-11} {e.Message}");
    }
}
