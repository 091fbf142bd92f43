using System.CommandLine;
using Dtt.Cli.Runs;
using Dtt.Core.Errors;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt import FOLDER</c> and <c>dtt export RUN</c>: models from and to Hugging Face's folders.</summary>
internal static class ExchangeCommand
{
    public static Command Import()
    {
        var folder = new Argument<string>("FOLDER") { Description = "A GPT-2 or Llama folder: config.json, model.safetensors, tokenizer.json." };
        var name = new Option<string?>("--name", "-n") { Description = "The run's name (default: the folder's)." };
        var command = new Command("import", "Make a run of a Hugging Face model, to sample it or to train from it.") { folder, name };
        command.SetAction((result, cancellation) =>
        {
            var path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(result.GetValue(folder)!));
            if (!Directory.Exists(path)) throw new UserErrorException($"there is no folder {path}.", ExitCodes.BadConfiguration);
            return RankProgram.RunAsync(["--import", path, result.GetValue(name) ?? Path.GetFileName(path)], cancellation);
        });
        return command;
    }

    public static Command Export()
    {
        var run = RunArguments.Run("RUN, RUN@STEP, RUN@best or RUN@latest.");
        var target = new Option<string?>("--output", "-o") { Description = "The folder to make (default: exports/RUN-STEP)." };
        var command = new Command("export", "Write a checkpoint as a folder that Hugging Face's transformers loads.") { run, target };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            return await RunLookup.WithCheckpointAsync(client, result.GetValue(run)!, async (view, checkpoint, source) =>
            {
                var folder = Path.GetFullPath(result.GetValue(target) ?? Path.Combine("exports", $"{view.Record.Run}-{checkpoint.Step}"));
                var code = await RankProgram.RunAsync(["--export", source.Folder, source.ManifestSha256, view.Record.TokenizerFolder, folder], cancellation);
                if (code == ExitCodes.Success) Console.Out.WriteLine(folder);
                return code;
            });
        });
        return command;
    }
}
