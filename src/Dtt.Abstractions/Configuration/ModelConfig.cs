namespace Dtt.Abstractions.Configuration;

/// <summary>The shape of a model: what a checkpoint must agree with.</summary>
public sealed record ModelConfig
{
    /// <summary><c>gpt2</c> or <c>dtt</c>.</summary>
    public required string Architecture { get; init; }

    /// <summary>Transformer blocks.</summary>
    public required int NumLayers { get; init; }

    /// <summary>Attention heads; divides <see cref="ModelDim"/>.</summary>
    public required int NumHeads { get; init; }

    /// <summary>Width of the residual stream, C.</summary>
    public required int ModelDim { get; init; }

    /// <summary>Width of the feed-forward layer.</summary>
    public required int MlpDim { get; init; }

    /// <summary>Context length in tokens, T.</summary>
    public required int ContextLength { get; init; }

    /// <summary>Ids of the tokenizer, <c>&lt;|endoftext|&gt;</c> included; the model pads them at run time only.</summary>
    public required int VocabSize { get; init; }

    /// <summary>Share of activations dropped in training, 0–1.</summary>
    public required double Dropout { get; init; }

    /// <summary>Whether attention uses torch's fused kernel.</summary>
    public required bool FlashAttention { get; init; }

    internal static ModelConfig From(ConfigValues v) => new()
    {
        Architecture = v.Text("architecture"),
        NumLayers = v.Int("n_blocks"),
        NumHeads = v.Int("n_heads"),
        ModelDim = v.Int("d_model"),
        MlpDim = (int)(v.LongOrNull("d_mlp") ?? 4L * v.Int("d_model")),
        ContextLength = v.Int("n_ctx"),
        VocabSize = v.Int("vocab_size"),
        Dropout = v.Double("dropout"),
        FlashAttention = v.Bool("flash_attention"),
    };

    /// <summary>How this shape differs from another, one line a difference; empty when weights of one load into the other.</summary>
    public IReadOnlyList<string> DifferencesFrom(ModelConfig other)
    {
        var differences = new List<string>();
        void Compare<T>(string key, T mine, T theirs)
        {
            if (!EqualityComparer<T>.Default.Equals(mine, theirs)) differences.Add($"{key} is {theirs} there and {mine} here");
        }

        Compare("architecture", Architecture, other.Architecture);
        Compare("n_blocks", NumLayers, other.NumLayers);
        Compare("n_heads", NumHeads, other.NumHeads);
        Compare("d_model", ModelDim, other.ModelDim);
        Compare("d_mlp", MlpDim, other.MlpDim);
        Compare("n_ctx", ContextLength, other.ContextLength);
        Compare("vocab_size", VocabSize, other.VocabSize);
        return differences;
    }
}
