using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Dtt.Cli.Runs;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt evaluate RUN</c>: a checkpoint's validation loss, and how many multiple-choice questions it answers.</summary>
internal static class EvaluateCommand
{
    public static Command Create()
    {
        var run = RunArguments.Run("RUN, RUN@STEP, RUN@best or RUN@latest.");
        var choices = new Option<string?>("--choices") { Description = "Questions in HellaSwag's form: a .jsonl file with ctx, endings and label.", HelpName = "FILE" };
        var most = new Option<long>("--max") { Description = "Most questions.", HelpName = "N", DefaultValueFactory = _ => long.MaxValue };
        var json = new Option<bool>("--json") { Description = "A JSON object." };
        var command = new Command("evaluate", "Measure a checkpoint: validation loss, multiple-choice questions.") { run, choices, most, json };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var (_, view, checkpoint) = await RunLookup.FindCheckpointAsync(client, result.GetValue(run)!);
            var work = new EvaluateSpec { Choices = result.GetValue(choices) is { } file ? Path.GetFullPath(file) : null, MaxChoices = result.GetValue(most) };
            await foreach (var measured in Jobs.RunAsync(client, view.Row.Folder, checkpoint.Step, work, cancellation).OfType<EvaluateResult>()) Print(measured.Values, result.GetValue(json));
            return ExitCodes.Success;
        });
        return command;
    }

    private static void Print(IReadOnlyDictionary<string, double> values, bool json)
    {
        if (json) Console.Out.WriteLine(new JsonObject(values.Select(v => KeyValuePair.Create(v.Key, (JsonNode?)v.Value))).ToJsonString());
        else foreach (var (name, value) in values) Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-24} {value:0.0000}"));
    }
}
