namespace Dtt.Core.Configuration;

/// <summary>
/// The key table of <c>configs/path_templates.yaml</c>. Any text or number key of the run's configuration and <c>{time}</c> may stand in braces.
/// </summary>
public static class TemplateKeys
{
    private const string RunsInstead = "is accepted and does nothing: a run keeps its configuration, checkpoints and metrics together under 'runs'.";

    /// <summary>Every key.</summary>
    public static IReadOnlyList<ConfigKey> All { get; } =
    [
        new("dataset", KeyKind.Text, "data/{dataset}/raw/", "The raw text of a dataset and its `manifest.json`."),
        new("dataset_config", KeyKind.Text, "configs/project_datasets/{dataset}.yaml", "A dataset's own configuration."),
        new("tokens", KeyKind.Text, "data/{dataset}/tokens/", "Token shards, in a folder per tokenizer."),
        new("tokenizer", KeyKind.Text, "tokenizers/{dataset}_{vocab_size}", "The tokenizer's folder; its last part is the tokenizer's name."),
        new("runs", KeyKind.Text, "runs/", "The folder of all runs."),
        new("model", KeyKind.Text, "", "Weights of the Python DTT.") { LostMeaning = RunsInstead },
        new("model_config", KeyKind.Text, "", "Configuration of a model of the Python DTT.") { LostMeaning = RunsInstead },
        new("wandb", KeyKind.Text, "", "Name of a W&B run of the Python DTT.") { LostMeaning = "is accepted and does nothing: a run has one name everywhere." },
    ];
}
