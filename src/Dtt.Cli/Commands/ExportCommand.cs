using System.CommandLine;
using Dtt.Cli.Runs;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt export RUN</c>: a model as a Hugging Face folder.</summary>
internal static class ExportCommand
{
    public static Command Create()
    {
        var run = RunArguments.Run("RUN, RUN@STEP, RUN@best or RUN@latest.");
        var target = new Option<string?>("--output", "-o") { Description = "The folder to create (default: exports/RUN-STEP)." };
        var command = new Command("export", "Export a checkpoint as a folder that Hugging Face's transformers can load.") { run, target };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var (_, view, checkpoint) = await RunLookup.FindCheckpointAsync(client, result.GetValue(run)!);
            var folder = UserPath.Full(result.GetValue(target) ?? Path.Combine("exports", $"{view.Record.Run}-{checkpoint.Step}"));
            var work = new ExportSpec { Target = folder };
            await foreach (var exported in Jobs.RunAsync(client, view.Row.Folder, checkpoint.Step, work, cancellation).OfType<ExportResult>())
                Console.Out.WriteLine(exported.Folder);
            return ExitCodes.Success;
        });
        return command;
    }
}
