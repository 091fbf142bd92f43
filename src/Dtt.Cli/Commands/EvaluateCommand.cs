using System.CommandLine;
using Dtt.Cli.Runs;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt evaluate RUN</c>: a checkpoint's validation loss, and how many multiple-choice questions it answers.</summary>
internal static class EvaluateCommand
{
    private const int LeastWidth = 24; // of the names

    public static Command Create()
    {
        var run = RunArguments.Run("RUN, RUN@STEP, RUN@best or RUN@latest.");
        var choices = new Option<string?>("--choices")
        {
            Description = "Multiple-choice questions in HellaSwag's format: a .jsonl file with ctx, endings and label.",
            HelpName = "FILE",
        };
        var most = NumberOption.Optional<long>("Maximum number of questions (default: all).", "--max");
        most.Validators.Add(r =>
        {
            if (r.GetValue(most) is < 1) r.AddError("--max takes a whole number at least 1.");
        });
        var json = JsonOutput.Option();
        var command = new Command("evaluate", "Evaluate a checkpoint: validation loss and multiple-choice accuracy.") { run, choices, most, json };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var (_, view, checkpoint) = await RunLookup.FindCheckpointAsync(client, result.GetValue(run)!);
            var work = new EvaluateSpec
            {
                Choices = result.GetValue(choices) is { } file ? UserPath.Full(file) : null,
                MaxChoices = result.GetValue(most) ?? long.MaxValue,
            };
            await foreach (var measured in Jobs.RunAsync(client, view.Row.Folder, checkpoint.Step, work, cancellation).OfType<EvaluateResult>())
            {
                if (result.GetValue(json)) JsonOutput.Print(measured.Values, JsonOutput.Records.IReadOnlyDictionaryStringDouble);
                else Print(measured.Values);
            }

            return ExitCodes.Success;
        });
        return command;
    }

    private static void Print(IReadOnlyDictionary<string, double> values)
    {
        var width = Math.Max(LeastWidth, values.Keys.Max(name => name.Length));
        foreach (var (name, value) in values) Console.Out.WriteLine($"{name.PadRight(width)} {value:0.0000}");
    }
}
