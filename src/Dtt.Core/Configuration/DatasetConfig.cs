namespace Dtt.Core.Configuration;

/// <summary>Where a dataset's text comes from and how it is cut; the YAML names are in <see cref="DatasetKeys"/>.</summary>
public sealed record DatasetConfig
{
    /// <summary>The file this was read from, for errors.</summary>
    public required string Source { get; init; }

    /// <summary>A file or folder of text, or null.</summary>
    public required string? Path { get; init; }

    /// <summary>A generated dataset's name, or null.</summary>
    public required string? Builtin { get; init; }

    /// <summary>Size of a generated dataset in bytes.</summary>
    public required long GeneratedBytes { get; init; }

    /// <summary>Seed of generated text and of the train/validation split.</summary>
    public required long Seed { get; init; }

    /// <summary><c>lines</c>, <c>blank_lines</c> or <c>files</c>.</summary>
    public required string Documents { get; init; }

    /// <summary>The JSON field that holds a document's text.</summary>
    public required string TextField { get; init; }

    /// <summary>Tokens per token shard.</summary>
    public required long ShardTokens { get; init; }

    /// <summary>A dataset on the Hugging Face Hub, or null.</summary>
    public required string? HubPath { get; init; }

    /// <summary>That dataset's configuration, or null for its default.</summary>
    public string? HubName { get; init; }

    /// <summary>The part of that dataset, such as <c>train</c>, or null for the Hub's default.</summary>
    public string? HubSplit { get; init; }

    /// <summary>A branch, tag or commit of that dataset, or null for its main branch.</summary>
    public string? HubRevision { get; init; }

    /// <summary>Most bytes to download of that dataset: its first files, one at least; null for all.</summary>
    public long? MaxBytes { get; init; }

    /// <summary>Most documents taken, the first ones; null for all.</summary>
    public long? MaxDocuments { get; init; }

    /// <summary>Whether documents that cannot be read are left out; otherwise the first one ends the work.</summary>
    public bool SkipsBadDocuments { get; init; }

    /// <summary>Whether documents of the same bytes as one before them are left out of the tokens.</summary>
    public bool DropsDuplicates { get; init; }

    /// <summary>Builds the configuration from checked values.</summary>
    public static DatasetConfig From(ConfigValues v, string source) => new()
    {
        Source = source,
        Path = v.TextOrNull("path"),
        Builtin = v.TextOrNull("builtin"),
        GeneratedBytes = v.Long("bytes"),
        Seed = v.Long("seed"),
        Documents = v.Text("documents"),
        TextField = v.Text("text_field"),
        ShardTokens = v.Long("shard_size"),
        HubPath = v.TextOrNull("hf_path"),
        HubName = v.TextOrNull("name"),
        HubSplit = v.TextOrNull("split"),
        HubRevision = v.TextOrNull("revision"),
        MaxBytes = v.LongOrNull("max_bytes"),
        MaxDocuments = v.LongOrNull("ndocs"),
        SkipsBadDocuments = v.Text("on_bad_document") == "skip",
        DropsDuplicates = v.Text("dedup") == "exact",
    };
}
