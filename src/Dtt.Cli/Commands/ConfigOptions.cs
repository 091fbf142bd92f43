using System.CommandLine;
using Dtt.Core.Configuration;
using Dtt.Data.Tokenizers;

namespace Dtt.Cli.Commands;

/// <summary>The options that name a configuration and set its keys; what the command line sets wins over the file, also 0 and false.</summary>
internal sealed class ConfigOptions
{
    private static readonly (string Key, string Description, string[] Names)[] _shared =
    [
        ("dataset", "The dataset: the name of a file in configs/project_datasets, or a file or folder of text.", ["--dataset", "-d"]),
    ];

    private static readonly (string Key, string Description, string[] Names)[] _tokenizer =
    [
        ("vocab_size", "Vocabulary size of the tokenizer.", ["--vocab-size", "-v", "--vocab_size"]),
    ];

    private static readonly (string Key, string Description, string[] Names)[] _training =
    [
        ("name", "Name of the run.", ["--name", "-n"]),
        ("epochs", "Passes over the data.", ["--epochs", "-e"]),
        ("dropout", "Dropout probability.", ["--dropout", "-do"]),
        ("batch_size", "Sequences per forward pass.", ["--batch-size", "-b", "--batch_size"]),
        ("grad_accumulation_steps", "Micro-batches per step.", ["--grad-acc-steps", "-gas", "--grad_acc_steps"]),
        ("n_ctx", "Context length in tokens.", ["--n-ctx", "-ctx", "--n_ctx"]),
        ("min_loader_ratio", "Accepted for compatibility with the Python DTT; does nothing.", ["--min-loader-ratio", "-mlr", "--min_loader_ratio"]),
        ("n_workers", "Accepted for compatibility with the Python DTT; does nothing.", ["--n-workers", "-w", "--n_workers"]),
        ("eff_batch_per_log", "Steps between log lines.", ["--eff-batch-per-log", "-l", "--eff_batch_per_log"]),
        ("log_per_val", "Log lines between validations.", ["--log-per-val", "-val", "--log_per_val"]),
        ("temp", "Temperature of samples during training.", ["--temp", "-t"]),
        ("seed", "Random seed.", ["--seed", "-s"]),
    ];

    private static readonly (string Key, string Description, string[] Names)[] _onOff =
    [
        ("flash_attention", "Use torch's fused attention kernel where it is faster; without a value: true.",
            ["--flash-attention", "-fa", "--flash_attention", "--flash-attn", "--flash_attn"]),
    ];

    private static readonly (string Key, string Description, string[] On, string[] Off)[] _switches =
    [
        ("cuda", "Train on a GPU when there is one.", ["--cuda", "-cuda"], ["--no-cuda"]),
        ("autocast", "Use bf16 where the hardware is faster with it.", ["--autocast", "-a"], ["--no-autocast"]),
        ("wandb", "Write event files, and print the command that sends them to W&B.", ["--wandb", "-wb"], ["--no-wandb", "-nwb"]),
        ("profile", "Time the phases of each step, and record a trace.", ["--profile"], []),
    ];

    private readonly Option<string?> _file = new("--config-file", "-c")
    {
        Description = $"Configuration file (default: {ConfigLoader.DefaultFile} when it exists).",
        HelpName = "FILE",
    };

    private readonly Option<string[]> _set = new("--set")
    {
        Description = "Set any key, for example --set optimizer.params.weight_decay=0; repeatable.",
        HelpName = "KEY=VALUE",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };

    private readonly List<(Option<string?> Option, string Key)> _values = [];
    private readonly List<(Option<bool> Option, string Key, string Value)> _flags = [];

    /// <summary>Adds the options of a stage to a command.</summary>
    public ConfigOptions(Command command, bool tokenizer, bool training)
    {
        command.Add(_file);
        command.Add(_set);
        _set.CompletionSources.Add(_ => RunKeys.All.Select(k => new System.CommandLine.Completions.CompletionItem(k.Name + "=")));
        foreach (var (key, description, names) in _shared.Concat(tokenizer || training ? _tokenizer : []).Concat(training ? _training : []))
        {
            var option = new Option<string?>(names[0], names[1..]) { Description = description, HelpName = key.ToUpperInvariant() };
            command.Add(option);
            _values.Add((option, key));
        }

        foreach (var (key, description, names) in training ? _onOff : [])
        {
            var option = new Option<string?>(names[0], names[1..])
            {
                Description = description,
                HelpName = "TRUE|FALSE",
                Arity = ArgumentArity.ZeroOrOne,
                CustomParser = given => given.Tokens is [var value] ? value.Value : "true",
            };
            command.Add(option);
            _values.Add((option, key));
        }

        foreach (var (key, description, on, off) in training ? _switches : [])
        {
            AddFlag(command, key, "true", description, on);
            if (off.Length > 0) AddFlag(command, key, "false", $"The opposite of {on[0]}.", off);
        }
    }

    /// <summary>Loads the configuration and prints its notes to stderr.</summary>
    public LoadedConfig Load(ParseResult result, string? defaultFile = null, string? dataset = null)
    {
        (string Name, string Value, string Option)[] first = dataset is null ? [] : [("dataset", dataset, "hf:")]; // -d wins over it
        var config = ConfigLoader.Load(result.GetValue(_file) ?? defaultFile, first.Concat(Overrides(result)), TimeProvider.System, IdsOf);
        foreach (var note in config.Notes) Console.Error.WriteLine(note);
        return config;
    }

    private static int IdsOf(string tokenizer) => TokenizerFolder.Open(tokenizer).Size;

    private IEnumerable<(string Name, string Value, string Option)> Overrides(ParseResult result)
    {
        foreach (var (option, key) in _values)
        {
            if (result.GetValue(option) is { } value) yield return (key, value, option.Name);
        }

        foreach (var (option, key, value) in _flags)
        {
            if (result.GetValue(option)) yield return (key, value, option.Name);
        }

        foreach (var set in result.GetValue(_set) ?? [])
        {
            var parts = set.Split('=', 2);
            if (parts.Length != 2) throw new Core.Errors.ConfigurationException($"--set {set}: takes KEY=VALUE, such as --set n_ctx=256.");
            yield return (parts[0].Trim(), parts[1], $"--set {parts[0].Trim()}");
        }
    }

    private void AddFlag(Command command, string key, string value, string description, string[] names)
    {
        var option = new Option<bool>(names[0], names[1..]) { Description = description, Arity = ArgumentArity.Zero };
        command.Add(option);
        _flags.Add((option, key, value));
    }
}
