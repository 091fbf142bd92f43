using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Dtt.Cli.Runs;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Storage;
using Dtt.Data.Text;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt import PATH</c>: what other programs made: models become runs, tokenizers become tokenizers, and tokens become datasets.</summary>
internal static partial class ImportCommand
{
    private const int LongestName = 100;
    private static readonly string[] _unnamed = ["ckpt.pt", "model.pt", "tokenizer.pkl", "merges.pkl"]; // these are named by their folder

    public static Command Create()
    {
        var path = new Argument<string>("PATH")
        {
            Description = "A model: a Hugging Face folder, nanoGPT's ckpt.pt, the Python DTT's model.pt, llm.c's .bin; a pickled tokenizer of the Python DTT "
                + "or nanochat; or tokens: .npy and .bin files, or a folder of them.",
        };
        var name = new Option<string?>("--name", "-n") { Description = "What it is called here (default: the file's or folder's name)." };
        var tokenizer = new Option<string?>("--tokenizer")
        {
            Description = "The tokenizer of a model or of tokens that do not tell: gpt2, cl100k, o200k, a file, a folder.",
        };
        var command = new Command("import", "Import a model as a run, a tokenizer, or tokens as a dataset, of other programs.") { path, name, tokenizer };
        command.SetAction(async (result, cancellation) =>
        {
            var source = UserPath.Full(result.GetValue(path)!);
            if (!Path.Exists(source)) throw new UserErrorException($"there is no file or folder {source}.", ExitCodes.BadConfiguration);
            var named = result.GetValue(name) ?? NameOf(source);
            var with = result.GetValue(tokenizer) is not { } given ? null : PublicTokenizer.Names.Contains(given) ? given : UserPath.Full(given);
            if (IsTokenizer(source)) return ImportTokenizer(source, named);
            if (!IsModel(source) && ForeignTokens.In(source) is { Count: > 0 } tokens) return await ImportTokensAsync(tokens, named, with, cancellation);
            return await ImportModelAsync(source, named, with, cancellation);
        });
        return command;
    }

    private static async Task<int> ImportModelAsync(string source, string name, string? tokenizer, CancellationToken cancellation)
    {
        var paths = ConfigLoader.Load(null, [("name", name, "--name")], TimeProvider.System).Paths;
        await using var client = await Platform.ConnectAsync(cancellation);
        var work = new ImportSpec(source, name, paths.Runs, Path.GetDirectoryName(paths.Tokenizer)!, tokenizer);
        await foreach (var imported in Jobs.RunAsync(client, work, cancellation).OfType<ImportResult>())
        {
            var run = Path.GetFileName(imported.RunFolder);
            if (imported.Note is { } note) Console.Error.WriteLine($"note: {note}.");
            Console.Error.WriteLine($"imported as run '{run}', weights {imported.WeightsSha256[..12]}. Sample it with `dtt sample {run}`, "
                + $"or train from it with 'init_from: {run}' in a configuration.");
            Console.Out.WriteLine(run);
        }

        return ExitCodes.Success;
    }

    private static int ImportTokenizer(string source, string name)
    {
        var vocabulary = TokenizerFolder.Open(source);
        var paths = ConfigLoader.Load(null, [("name", name, "--name")], TimeProvider.System).Paths;
        var folder = Path.Combine(Path.GetDirectoryName(paths.Tokenizer)!, name);
        if (Path.Exists(folder))
            throw new UserErrorException($"{folder} is there already; give this one another name with --name.", ExitCodes.BadConfiguration);
        TokenizerFolder.Save(vocabulary, folder);
        Console.Error.WriteLine($"imported {vocabulary.Size:N0} ids. Use them with 'tokenizer: {folder}' in a configuration, or --tokenizer of `dtt import`.");
        Console.Out.WriteLine(folder);
        return ExitCodes.Success;
    }

    /// <summary>Copies the tokens into the raw folder of a dataset, and has the platform index them.</summary>
    private static async Task<int> ImportTokensAsync(IReadOnlyList<string> tokens, string name, string? tokenizer, CancellationToken cancellation)
    {
        if (tokenizer is null)
        {
            throw new UserErrorException(
                $"--tokenizer is needed: tokens do not tell what made {tokens[0]} (gpt2 for nanoGPT's and llm.c's).", ExitCodes.BadConfiguration);
        }

        var vocabulary = TokenizerFolder.Open(tokenizer);
        var ids = vocabulary.Size.ToString(CultureInfo.InvariantCulture); // whatever configs/config.yaml says
        (string, string, string)[] keys = [("dataset", name, "--name"), ("tokenizer", tokenizer, "--tokenizer"), ("vocab_size", ids, "--tokenizer")];
        var config = ConfigLoader.Load(null, keys, TimeProvider.System, _ => vocabulary.Size);
        var (file, raw) = (config.Paths.DatasetConfig, config.Paths.Raw);
        if (File.Exists(file) || Path.Exists(raw))
        {
            throw new UserErrorException($"the dataset '{name}' is there already ({(File.Exists(file) ? file : raw)}); give this one another name with --name.",
                ExitCodes.BadConfiguration);
        }

        var (train, val) = ForeignTokens.Copy(tokens, vocabulary, raw);
        Console.Error.WriteLine($"copied {train:N0} tokens for training and {val:N0} for validation "
            + $"from {tokens.Count:N0} file{(tokens.Count == 1 ? "" : "s")} ({raw})");
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        var yaml = $"# Tokens that `dtt import` copied. All keys: docs/configuration.md\npath: {System.Text.Json.JsonSerializer.Serialize(raw)}\n";
        DurableFile.Replace(file, Encoding.UTF8.GetBytes(yaml));
        var dataset = DatasetLoader.Load(config, TextStream.Open, Console.Error.WriteLine);
        await using var client = await Platform.ConnectAsync(cancellation);
        var code = await StageCommand.RunAsync(client, [(config, dataset)], rawOnly: true);
        if (code == ExitCodes.Success) code = await StageCommand.RunAsync(client, [(config, dataset)], rawOnly: false);
        if (code != ExitCodes.Success) return code;
        Console.Error.WriteLine($"imported as dataset '{name}'. Train on it with `dtt train -d {name} -v {ids} --set tokenizer={tokenizer}`.");
        Console.Out.WriteLine(name);
        return code;
    }

    private static bool IsTokenizer(string path) => File.Exists(path) && !ForeignTokens.In(path).Contains(path) && PickledTokenizer.IsOne(path);

    /// <summary>Whether a folder or a <c>.bin</c> file holds weights; other files do where they are neither tokens nor a tokenizer.</summary>
    private static bool IsModel(string path) => Directory.Exists(path)
        ? File.Exists(Path.Combine(path, "config.json")) || File.Exists(Path.Combine(path, "model.pt")) : ForeignTokens.IsModelOfLlmC(path);

    /// <summary>A name for a file or folder of any name.</summary>
    private static string NameOf(string path)
    {
        var own = Directory.Exists(path) || !_unnamed.Contains(Path.GetFileName(path)) ? path : Path.GetDirectoryName(path)!;
        var name = NotInNames().Replace(File.Exists(own) ? Path.GetFileNameWithoutExtension(own) : Path.GetFileName(own), "-").Trim('.', '_', '-');
        return name.Length is > 0 and <= LongestName ? name : throw new UserErrorException(
            $"the {(File.Exists(path) ? "file" : "folder")}'s name gives no name: {path}. Name the run with --name.", ExitCodes.BadConfiguration);
    }

    [GeneratedRegex("[^A-Za-z0-9._-]+")]
    private static partial Regex NotInNames();
}
