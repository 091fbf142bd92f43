using System.Text.Json.Serialization;
using Dtt.Core.Models;

namespace Dtt.Core.Configuration;

/// <summary>The shape of a model: what a checkpoint must agree with.</summary>
public sealed record ModelConfig
{
    private const long GatedMlpMultiple = 64;

    /// <summary>The name of one of <see cref="Architectures"/>.</summary>
    public required string Architecture { get; init; }

    /// <summary>What the model is made of.</summary>
    [JsonIgnore]
    public ArchitectureSpec Spec => Architectures.Of(Architecture);

    /// <summary>Transformer blocks.</summary>
    public required int NumLayers { get; init; }

    /// <summary>Attention heads, nh.</summary>
    public required int NumHeads { get; init; }

    /// <summary>Heads of keys and values, each shared by <see cref="NumHeads"/> ÷ this many queries; as many as heads unless set.</summary>
    public int NumKvHeads { get => field > 0 ? field : NumHeads; init; }

    /// <summary>Width of one head, hs; <see cref="ModelDim"/> ÷ <see cref="NumHeads"/> unless set.</summary>
    public int HeadDim { get => field > 0 ? field : ModelDim / NumHeads; init; }

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

    /// <summary>Whether a token sees only itself and those before it.</summary>
    public bool Causal { get; init; } = true;

    /// <summary>Whether a token sees only tokens of its own document.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool DocumentMask { get; init; }

    /// <summary>Whether the head is the token embedding.</summary>
    public bool TieEmbeddings { get; init; } = true;

    /// <summary>ε of the norms.</summary>
    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>Base of the rotary angles.</summary>
    public double RopeTheta { get; init; } = 10000;

    /// <summary>The model of checked values.</summary>
    public static ModelConfig From(ConfigValues v)
    {
        var spec = Architectures.Of(v.Text("architecture"));
        return new()
        {
            Architecture = spec.Name,
            NumLayers = v.Int("n_blocks"),
            NumHeads = v.Int("n_heads"),
            NumKvHeads = (int)(v.LongOrNull("n_kv_heads") ?? v.Int("n_heads")),
            HeadDim = (int)(v.LongOrNull("head_dim") ?? v.Int("d_model") / v.Int("n_heads")),
            ModelDim = v.Int("d_model"),
            MlpDim = (int)(v.LongOrNull("d_mlp") ?? DefaultMlpDim(spec, v.Int("d_model"))),
            ContextLength = v.Int("n_ctx"),
            VocabSize = v.Int("vocab_size"),
            Dropout = v.Double("dropout"),
            FlashAttention = v.Bool("flash_attention"),
            Causal = v.Text("mask_type") == "causal",
            DocumentMask = v.BoolOrNull("document_mask") ?? false,
            TieEmbeddings = v.BoolOrNull("tie_embeddings") ?? !spec.ChoosesTying,
            NormEpsilon = v.DoubleOrNull("norm_eps") ?? spec.NormEpsilon,
            RopeTheta = v.DoubleOrNull("rope_theta") ?? spec.RopeTheta,
        };
    }

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
        Compare("n_kv_heads", NumKvHeads, other.NumKvHeads);
        Compare("d_model", ModelDim, other.ModelDim);
        Compare("d_mlp", MlpDim, other.MlpDim);
        Compare("n_ctx", ContextLength, other.ContextLength);
        Compare("vocab_size", VocabSize, other.VocabSize);
        Compare("tie_embeddings", TieEmbeddings, other.TieEmbeddings);
        if (Spec.ChoosesHeads) Compare("head_dim", HeadDim, other.HeadDim);
        if (Spec.Positions == PositionKind.Rotary) Compare("rope_theta", RopeTheta, other.RopeTheta);
        return differences;
    }

    /// <summary>4 C; for the three matrices of a gated layer two thirds of that, rounded up to a multiple of 64 (Shazeer 2020, arXiv:2002.05202).</summary>
    private static long DefaultMlpDim(ArchitectureSpec spec, long modelDim) =>
        spec.IsGated ? (8 * modelDim / 3 + GatedMlpMultiple - 1) / GatedMlpMultiple * GatedMlpMultiple : 4 * modelDim;
}
