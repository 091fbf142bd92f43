namespace Dtt.Core.Configuration;

/// <summary>The absolute folders of one configuration's artefacts, from the path templates.</summary>
public sealed record ArtefactPaths
{
    /// <summary>Raw text and its manifest.</summary>
    public required string Raw { get; init; }

    /// <summary>The dataset's own configuration file.</summary>
    public required string DatasetConfig { get; init; }

    /// <summary>The tokenizer's folder.</summary>
    public required string Tokenizer { get; init; }

    /// <summary>The token shards that this tokenizer made of this dataset.</summary>
    public required string Tokens { get; init; }

    /// <summary>The folder of all runs.</summary>
    public required string Runs { get; init; }

    /// <summary>The tokenizer's name: the last part of its folder.</summary>
    public string TokenizerName => Path.GetFileName(Tokenizer);

    /// <summary>Fills the templates with a run's values.</summary>
    /// <param name="templates">Values of <see cref="TemplateKeys"/>.</param>
    /// <param name="run">Values of <see cref="RunKeys"/>.</param>
    /// <param name="dataset">The dataset whose text and tokens they are; the tokenizer and the runs may be named after the run's first one.</param>
    /// <param name="now">What <c>{time}</c> stands for.</param>
    /// <param name="errors">Gets one line per unknown name in braces.</param>
    public static ArtefactPaths From(ConfigValues templates, ConfigValues run, string dataset, DateTimeOffset now, IList<string> errors)
    {
        string Fill(string key)
        {
            string? Value(string name) => name switch
            {
                "time" => now.ToString("yyyy-MM-dd_HH-mm-ss"),
                "dataset" when key is not ("tokenizer" or "runs") => dataset,
                _ => run.TemplateValue(name),
            };
            var filled = PathTemplate.Fill(templates.Text(key), Value, out var unknown);
            foreach (var name in unknown)
            {
                var hint = Spelling.Hint(name, run.Keys.Select(k => k.Name));
                errors.Add($"{templates.Origin(key)}: '{key}' names {{{name}}}, which is not a configuration key.{hint}");
            }

            return Path.TrimEndingDirectorySeparator(Path.GetFullPath(filled));
        }

        var tokenizer = Fill("tokenizer");
        if (tokenizer.EndsWith(".pkl", StringComparison.Ordinal)) tokenizer = tokenizer[..^4];
        if (run.TextOrNull("tokenizer") is { } named) tokenizer = Path.Combine(Path.GetDirectoryName(tokenizer)!, TokenizerNames.FolderOf(named));
        return new ArtefactPaths
        {
            Raw = Fill("dataset"),
            DatasetConfig = ConfigFiles.Find(Fill("dataset_config")),
            Tokenizer = tokenizer,
            Tokens = Path.Combine(Fill("tokens"), Path.GetFileName(tokenizer)),
            Runs = Fill("runs"),
        };
    }
}
