namespace Dtt.Training.Imports;

/// <summary>A model of another program: what it is, and where its weights lie.</summary>
internal sealed record ForeignModel
{
    /// <summary>The file, for errors.</summary>
    public required string File { get; init; }

    /// <summary>The keys of DTT's configuration that describe it, each with the place that says so.</summary>
    public required IReadOnlyList<(string Key, string Value, string Origin)> Keys { get; init; }

    /// <summary>Its weights, by DTT's names and in DTT's shapes.</summary>
    public required IReadOnlyDictionary<string, ForeignTensor> Weights { get; init; }

    /// <summary>Whether its layers have no biases, which is the same as biases of zero.</summary>
    public bool HasNoBiases { get; init; }

    /// <summary>The steps that it was trained for; 0 where nothing tells.</summary>
    public long Step { get; init; }

    /// <summary>Whether its tokenizer is GPT-2's where none is named: its vocabulary is GPT-2's, or that padded.</summary>
    public bool IsOfGpt2sTokens { get; init; }

    /// <summary>Ids that it was trained on, where it has more rows than these; null: all of its rows.</summary>
    public int? Ids { get; init; }
}
