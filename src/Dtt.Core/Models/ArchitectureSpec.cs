namespace Dtt.Core.Models;

/// <summary>
/// All that tells one architecture from another: the parameter table, the arithmetic, the blocks, the token decoder, import and export read it.
/// Every one is embeddings, pre-norm blocks of attention and a feed-forward layer, and a head; <see cref="Architectures"/> has a row for each.
/// </summary>
public sealed record ArchitectureSpec
{
    /// <summary>Its name, the value of the key <c>architecture</c>.</summary>
    public required string Name { get; init; }

    /// <summary>What it is, for the documentation of that key.</summary>
    public required string Meaning { get; init; }

    /// <summary>The norm before each half of a block and before the head.</summary>
    public required NormKind Norm { get; init; }

    /// <summary>The norms' ε where <c>norm_eps</c> is unset.</summary>
    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>Whether the last block's output is normed before the head.</summary>
    public bool HasFinalNorm { get; init; } = true;

    /// <summary>Whether an RMSNorm of each query and key head comes before the rotation (Dehghani et al. 2023, arXiv:2302.05442, section 2).</summary>
    public bool NormsHeads { get; init; }

    /// <summary>The feed-forward layer's activation.</summary>
    public required ActivationKind Activation { get; init; }

    /// <summary>How a token's place enters.</summary>
    public required PositionKind Positions { get; init; }

    /// <summary>Base of the rotary angles where <c>rope_theta</c> is unset.</summary>
    public double RopeTheta { get; init; } = 10000;

    /// <summary>
    /// Whether <c>n_kv_heads</c> and <c>head_dim</c> may be chosen: grouped queries (Ainslie et al. 2023, arXiv:2305.13245), and heads of another width than
    /// <c>d_model</c> ÷ <c>n_heads</c>.
    /// </summary>
    public bool ChoosesHeads { get; init; }

    /// <summary>Whether <c>tie_embeddings</c> may be chosen, <c>false</c> where unset; else the head is the token embedding.</summary>
    public bool ChoosesTying { get; init; }

    /// <summary>Which layers have a bias; LayerNorm always has one.</summary>
    public Biases Biases { get; init; }

    /// <summary>The first values of the weights.</summary>
    public required InitScheme Init { get; init; }

    /// <summary>What the weights are called.</summary>
    public required WeightNames Names { get; init; }

    /// <summary>Hugging Face's class of the same model; null: there is none.</summary>
    public HuggingFaceModel? HuggingFace { get; init; }

    /// <summary>Whether the up-projection makes a gate, too: it has 2 M rows.</summary>
    public bool IsGated => Activation == ActivationKind.SwiGlu;
}

/// <summary>A norm.</summary>
public enum NormKind
{
    /// <summary>With gain and bias (Ba et al. 2016, arXiv:1607.06450).</summary>
    Layer,

    /// <summary>With a gain only (Zhang and Sennrich 2019, arXiv:1910.07467).</summary>
    Rms,
}

/// <summary>An activation.</summary>
public enum ActivationKind
{
    /// <summary>GELU by its tanh formula (Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2): gelu_new.</summary>
    TanhGelu,

    /// <summary>Exactly x Φ(x).</summary>
    Gelu,

    /// <summary>silu(gate) · up (Shazeer 2020, arXiv:2002.05202).</summary>
    SwiGlu,
}

/// <summary>Positions.</summary>
public enum PositionKind
{
    /// <summary>A learned vector of each position joins the token's embedding.</summary>
    Learned,

    /// <summary>Queries and keys are rotated (Su et al. 2021, arXiv:2104.09864).</summary>
    Rotary,
}

/// <summary>Layers that have a bias.</summary>
[Flags]
public enum Biases
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Query, key and value.</summary>
    Qkv = 1,

    /// <summary>Attention's output and both feed-forward matrices.</summary>
    Linear = 2,

    /// <summary>The head.</summary>
    Head = 4,
}
