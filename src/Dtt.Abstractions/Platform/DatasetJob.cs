using Dtt.Abstractions.Configuration;

namespace Dtt.Abstractions.Platform;

/// <summary>One folder to be made of a dataset: its raw text, or its tokens by one tokenizer.</summary>
public sealed record DatasetJob
{
    /// <summary>The dataset's name.</summary>
    public required string Dataset { get; init; }

    /// <summary>Whether the job stops at the raw text (<c>download</c>) or goes on to tokens (<c>tokenize</c>).</summary>
    public required bool RawOnly { get; init; }

    /// <summary>The dataset's own configuration.</summary>
    public required DatasetConfig Config { get; init; }

    /// <summary>Raw text and manifest, absolute.</summary>
    public required string RawFolder { get; init; }

    /// <summary>The tokenizer, absolute.</summary>
    public required string TokenizerFolder { get; init; }

    /// <summary>The token shards, absolute.</summary>
    public required string TokensFolder { get; init; }

    /// <summary>Ids of the tokenizer.</summary>
    public required int VocabSize { get; init; }

    /// <summary>Share of documents kept for validation.</summary>
    public required double ValFraction { get; init; }

    /// <summary>The job's key: the folder that it makes.</summary>
    public string Folder => RawOnly ? RawFolder : TokensFolder;
}
