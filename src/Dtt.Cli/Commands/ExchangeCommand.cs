using System.CommandLine;
using System.Text.RegularExpressions;
using Dtt.Cli.Runs;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt import FOLDER</c> and <c>dtt export RUN</c>: models from and to Hugging Face's folders.</summary>
internal static partial class ExchangeCommand
{
    private const int LongestName = 100;

    public static Command Import()
    {
        var folder = new Argument<string>("FOLDER") { Description = "A Hugging Face folder: config.json, model.safetensors, tokenizer.json." };
        var name = new Option<string?>("--name", "-n") { Description = "The run's name (default: the folder's, with '-' for what a run's name cannot have)." };
        var command = new Command("import", "Import a Hugging Face model as a run, to sample it or to train from it.") { folder, name };
        command.SetAction(async (result, cancellation) =>
        {
            var path = UserPath.Full(result.GetValue(folder)!);
            if (!Directory.Exists(path)) throw new UserErrorException($"there is no folder {path}.", ExitCodes.BadConfiguration);
            var runName = result.GetValue(name) ?? NameOf(path);
            var paths = ConfigLoader.Load(null, [("name", runName, "--name")], TimeProvider.System).Paths;
            await using var client = await Platform.ConnectAsync(cancellation);
            var work = new ImportSpec(path, runName, paths.Runs, Path.GetDirectoryName(paths.Tokenizer)!);
            await foreach (var imported in Jobs.RunAsync(client, work, cancellation).OfType<ImportResult>())
            {
                var run = Path.GetFileName(imported.RunFolder);
                if (imported.Note is { } note) Console.Error.WriteLine($"note: {note}.");
                Console.Error.WriteLine($"imported as run '{run}', weights {imported.WeightsSha256[..12]}. Sample it with `dtt sample {run}`, "
                    + $"or train from it with 'init_from: {run}' in a configuration.");
                Console.Out.WriteLine(run);
            }

            return ExitCodes.Success;
        });
        return command;
    }

    public static Command Export()
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

    /// <summary>A run's name for a folder of any name.</summary>
    private static string NameOf(string folder)
    {
        var name = NotInNames().Replace(Path.GetFileName(folder), "-").Trim('.', '_', '-');
        return name.Length is > 0 and <= LongestName ? name
            : throw new UserErrorException($"the folder's name gives no run's name: {folder}. Name the run with --name.", ExitCodes.BadConfiguration);
    }

    [GeneratedRegex("[^A-Za-z0-9._-]+")]
    private static partial Regex NotInNames();
}
