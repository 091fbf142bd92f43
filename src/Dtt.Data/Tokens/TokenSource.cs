using System.Text.Json.Serialization;
using Dtt.Core.Configuration;
using Dtt.Data.Datasets;
using Dtt.Data.Tokenizers;

namespace Dtt.Data.Tokens;

/// <summary>Everything that decides the bytes of a folder of token shards.</summary>
public sealed record TokenSource
{
    /// <summary>SHA-256 over what identifies the raw files, hex.</summary>
    public required string RawSha256 { get; init; }

    /// <summary>How documents are cut.</summary>
    public required string Documents { get; init; }

    /// <summary>The field of JSON lines that holds the text.</summary>
    public required string TextField { get; init; }

    /// <summary>The tokenizer's name.</summary>
    public required string Tokenizer { get; init; }

    /// <summary>The tokenizer's hash.</summary>
    public required string TokenizerSha256 { get; init; }

    /// <summary>Ids of the tokenizer.</summary>
    public required int VocabSize { get; init; }

    /// <summary>Share of documents in the validation shards.</summary>
    public required double ValFraction { get; init; }

    /// <summary>Seed of the split.</summary>
    public required long SplitSeed { get; init; }

    /// <summary>Tokens after which a shard ends with the document.</summary>
    public required long ShardTokens { get; init; }

    /// <summary>Whether documents that cannot be read were left out.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool SkipsBadDocuments { get; init; }

    /// <summary>Which duplicates were left out: <c>exact</c>; null: none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Dedup { get; init; }

    /// <summary>The source of a dataset's tokens by a tokenizer.</summary>
    public static TokenSource Of(RawManifest manifest, DatasetConfig dataset, string tokenizer, Vocabulary vocabulary, double valFraction) => new()
    {
        RawSha256 = manifest.Sha256,
        Documents = dataset.Documents,
        TextField = dataset.TextField,
        Tokenizer = tokenizer,
        TokenizerSha256 = vocabulary.Sha256,
        VocabSize = vocabulary.Size,
        ValFraction = valFraction,
        SplitSeed = dataset.Seed,
        ShardTokens = dataset.ShardTokens,
        SkipsBadDocuments = dataset.SkipsBadDocuments,
        Dedup = dataset.DropsDuplicates ? "exact" : null,
    };

    /// <summary>What differs from another source, one line a difference.</summary>
    public IReadOnlyList<string> DifferencesFrom(TokenSource other)
    {
        var differences = new List<string>();
        void Compare<T>(string what, T mine, T theirs)
        {
            if (!EqualityComparer<T>.Default.Equals(mine, theirs)) differences.Add($"{what} {theirs} there, {mine} now");
        }

        Compare("raw text", RawSha256[..12], other.RawSha256[..12]);
        Compare("documents", Documents, other.Documents);
        Compare("text_field", TextField, other.TextField);
        Compare("tokenizer", Tokenizer, other.Tokenizer);
        Compare("tokenizer content", TokenizerSha256[..12], other.TokenizerSha256[..12]);
        Compare("vocab_size", VocabSize, other.VocabSize);
        Compare("val_fraction", ValFraction, other.ValFraction);
        Compare("seed of the split", SplitSeed, other.SplitSeed);
        Compare("shard_size", ShardTokens, other.ShardTokens);
        Compare("dedup", Dedup ?? "none", other.Dedup ?? "none");
        if (other.SkipsBadDocuments && !SkipsBadDocuments) Compare("on_bad_document", "stop", "skip"); // the other way, there was nothing to skip
        return differences;
    }
}
