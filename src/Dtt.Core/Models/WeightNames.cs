namespace Dtt.Core.Models;

/// <summary>
/// What an architecture's weights are called, by what they are for; <c>.weight</c> or <c>.bias</c> follows. Those of a block stand below <see cref="Block"/>
/// and its number. They are Hugging Face's names, except for matrices that are several there.
/// </summary>
public sealed record WeightNames
{
    /// <summary>The token embedding.</summary>
    public required string Tokens { get; init; }

    /// <summary>The position embedding, where positions are learned.</summary>
    public string Positions { get; init; } = "";

    /// <summary>Where the blocks are.</summary>
    public required string Block { get; init; }

    /// <summary>The norm before attention.</summary>
    public required string Norm1 { get; init; }

    /// <summary>Query, key and value, under each other.</summary>
    public required string Qkv { get; init; }

    /// <summary>Hugging Face's names of the three, where they are matrices of their own.</summary>
    public IReadOnlyList<string> QkvParts { get; init; } = [];

    /// <summary>The norms of each query and key head, where there are some.</summary>
    public (string Query, string Key) HeadNorms { get; init; }

    /// <summary>Attention's output.</summary>
    public required string Out { get; init; }

    /// <summary>The norm before the feed-forward layer.</summary>
    public required string Norm2 { get; init; }

    /// <summary>The up-projection; of a gated layer gate and up, under each other.</summary>
    public required string Up { get; init; }

    /// <summary>Hugging Face's names of the two.</summary>
    public IReadOnlyList<string> UpParts { get; init; } = [];

    /// <summary>The down-projection.</summary>
    public required string Down { get; init; }

    /// <summary>The norm before the head, where there is one.</summary>
    public string FinalNorm { get; init; } = "";

    /// <summary>The head.</summary>
    public string Head { get; init; } = "lm_head";
}
