using System.CommandLine;
using Dtt.Cli.Runs;

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
            return await RunLookup.WithCheckpointAsync(client, result.GetValue(run)!, (view, _, source) => RankProgram.RunAsync(
            [
                "--evaluate", source.Folder, source.ManifestSha256, Path.Combine(view.Row.Folder, "config.yaml"), view.Record.TokensFolder, view.Record.TokenizerFolder, result.GetValue(json) ? "json" : "text",
                .. result.GetValue(choices) is { } file ? new[] { Path.GetFullPath(file), $"{result.GetValue(most)}" } : [],
            ], cancellation));
        });
        return command;
    }
}
