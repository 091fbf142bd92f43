using Dtt.Core.Errors;

namespace Dtt.Core.Configuration;

/// <summary>Loads a dataset's own configuration, or makes one for text that has none.</summary>
public static class DatasetLoader
{
    /// <summary>Loads and checks the configuration of a run's dataset.</summary>
    /// <param name="config">The run's configuration.</param>
    /// <param name="open">Opens a file of text, decompressed.</param>
    /// <param name="say">Told what the user should know though it is no error.</param>
    /// <exception cref="ConfigurationException">There is neither a dataset file nor text, or the file is wrong.</exception>
    public static DatasetConfig Load(LoadedConfig config, Func<string, Stream> open, Action<string> say) => Find(config, open, say) ?? throw Unknown(config);

    /// <summary>Loads and checks the configuration of a run's dataset; null when there is neither a dataset file nor text.</summary>
    /// <param name="config">The run's configuration.</param>
    /// <param name="open">Opens a file of text, decompressed.</param>
    /// <param name="say">Told what the user should know though it is no error.</param>
    /// <exception cref="ConfigurationException">The dataset file is wrong.</exception>
    public static DatasetConfig? Find(LoadedConfig config, Func<string, Stream> open, Action<string> say)
    {
        var file = config.Paths.DatasetConfig;
        if (!File.Exists(file)) return OfText(config, open, say);
        var reader = new ConfigReader(DatasetKeys.All).ReadFile(file);
        var v = reader.Values;
        var sources = new[] { "path", "builtin", "hf_path" }.Where(k => v.TextOrNull(k) is not null).ToList();
        if (sources.Count > 1)
            reader.Errors.Add($"{v.Origin(sources[1])}: '{sources[0]}' and '{sources[1]}' are both set; a dataset has one source.");
        if (config.TextPath is { } text && v.TextOrNull("path") != text)
        {
            reader.Errors.Add($"{config.Values.Origin("dataset")}: {text} would be the dataset '{config.Run.Dataset}', but {file} gives that "
                + $"another source. Use that dataset with -d {config.Run.Dataset}, or rename the text.");
        }

        reader.ThrowIfWrong();
        foreach (var note in reader.Notes) say(note);
        if (v.TextOrNull("split") is not null && v.TextOrNull("hf_path") is null)
            say($"{v.Origin("split")}: 'split' names a part of a Hub dataset; without 'hf_path' all of the text is used.");
        return DatasetConfig.From(v, file);
    }

    /// <summary>The configuration of text without a dataset file: what <c>-d</c> names, or the text in the raw folder; null without text.</summary>
    private static DatasetConfig? OfText(LoadedConfig config, Func<string, Stream> open, Action<string> say)
    {
        var files = TextFiles.In(config.TextPath ?? config.Paths.Raw);
        if (files.Count == 0) return null;
        var values = new ConfigReader(DatasetKeys.All).Values;
        var dataset = DatasetConfig.From(values, config.Paths.DatasetConfig) with { Path = config.TextPath };
        var source = config.TextPath ?? config.Paths.Raw;
        var found = $"dataset '{config.Run.Dataset}': there is no {config.Paths.DatasetConfig}, so {source} is read as it is";
        if (files.FirstOrDefault(f => TextFormat.OfFile(f) is { Kind: TextKind.Plain }) is not { } first)
        {
            var (each, place) = TextFormat.OfFile(files[0])!.Kind switch
            {
                TextKind.JsonLines => ("line", "field"),
                TextKind.JsonArray => ("object", "field"),
                _ => ("row", "column"),
            };
            say($"{found}: one document per {each}, its text in the {place} '{dataset.TextField}'.");
            return dataset;
        }

        using (var stream = open(first)) dataset = dataset with { Documents = TextFiles.DocumentsOf(stream) };
        say(dataset.Documents == "lines"
            ? $"{found}: every line is a document ('documents: lines'), because no empty line divides {first}. Write that file to divide it differently."
            : $"{found}: empty lines separate the documents ('documents: blank_lines'). Write that file with 'documents: lines' to make each line one.");
        return dataset;
    }

    private static ConfigurationException Unknown(LoadedConfig config)
    {
        var (dataset, file) = (config.Run.Dataset, config.Paths.DatasetConfig);
        var folder = Path.GetDirectoryName(file)!;
        var files = Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*.yaml") : [];
        var known = files.Select(f => Path.GetFileNameWithoutExtension(f)!).Order(StringComparer.Ordinal).ToList();
        var missing = TextFormat.Of(dataset) is null ? "" : $"no file {UserPath.Full(dataset)}, "; // it looks like one
        return new ConfigurationException($"dataset '{dataset}': there is {missing}no {file}, and no text in {config.TextPath ?? config.Paths.Raw}."
            + $"{Spelling.Hint(dataset, known)} "
            + (known.Count > 0 ? $"Known here: {string.Join(", ", known)}. " : "")
            + "Write that file ('path: my.txt' is enough), name a text file with -d FILE.txt, or choose another dataset.");
    }
}
