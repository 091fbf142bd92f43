namespace Dtt.Core.Models;

/// <summary>The architectures that DTT trains, one row each.</summary>
public static class Architectures
{
    private static readonly WeightNames _gpt2Names = new()
    {
        Tokens = "transformer.wte",
        Positions = "transformer.wpe",
        Block = "transformer.h",
        Norm1 = "ln_1",
        Qkv = "attn.c_attn",
        Out = "attn.c_proj",
        Norm2 = "ln_2",
        Up = "mlp.c_fc",
        Down = "mlp.c_proj",
        FinalNorm = "transformer.ln_f",
    };

    private static readonly WeightNames _llamaNames = new()
    {
        Tokens = "model.embed_tokens",
        Block = "model.layers",
        Norm1 = "input_layernorm",
        Qkv = "self_attn.qkv_proj",
        QkvParts = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
        HeadNorms = ("self_attn.q_norm", "self_attn.k_norm"),
        Out = "self_attn.o_proj",
        Norm2 = "post_attention_layernorm",
        Up = "mlp.gate_up_proj",
        UpParts = ["mlp.gate_proj", "mlp.up_proj"],
        Down = "mlp.down_proj",
        FinalNorm = "model.norm",
    };

    private static readonly ArchitectureSpec _gpt2 = new()
    {
        Name = "gpt2",
        Meaning = "exactly GPT-2",
        Norm = NormKind.Layer,
        Activation = ActivationKind.TanhGelu,
        Positions = PositionKind.Learned,
        Biases = Biases.Qkv | Biases.Linear,
        Init = InitScheme.Gpt2,
        Names = _gpt2Names,
        HuggingFace = HuggingFaceModel.Gpt2,
    };

    private static readonly ArchitectureSpec _llama = new()
    {
        Name = "llama",
        Meaning = "rotary positions, RMSNorm, SwiGLU, grouped queries",
        Norm = NormKind.Rms,
        Activation = ActivationKind.SwiGlu,
        Positions = PositionKind.Rotary,
        ChoosesHeads = true,
        ChoosesTying = true,
        Init = InitScheme.Gpt2,
        Names = _llamaNames,
        HuggingFace = HuggingFaceModel.Llama,
    };

    /// <summary>
    /// GPT-2 (Radford et al. 2019); the Python DTT's model; Llama (Touvron et al. 2023, arXiv:2302.13971; grouped queries: arXiv:2307.09288);
    /// Qwen3 (Yang et al. 2025, arXiv:2505.09388, section 2).
    /// </summary>
    public static IReadOnlyList<ArchitectureSpec> All { get; } =
    [
        _gpt2,
        _gpt2 with
        {
            Name = "nanogpt",
            Meaning = "nanoGPT's: GPT-2 with exact GELU",
            Activation = ActivationKind.Gelu,
            HuggingFace = HuggingFaceModel.NanoGpt,
        },
        _gpt2 with
        {
            Name = "dtt",
            Meaning = "the Python original's (no final norm, no query/key/value bias, bias on the tied head, exact GELU)",
            HasFinalNorm = false,
            Activation = ActivationKind.Gelu,
            Biases = Biases.Linear | Biases.Head,
            Init = InitScheme.Dtt,
            HuggingFace = null,
        },
        _llama,
        _llama with
        {
            Name = "qwen3",
            Meaning = "Llama's, with an RMSNorm on each head of queries and keys",
            NormEpsilon = 1e-6,
            NormsHeads = true,
            RopeTheta = 1e6,
            HuggingFace = HuggingFaceModel.Qwen3,
        },
    ];

    /// <summary>The architecture of a name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static ArchitectureSpec Of(string name) =>
        All.FirstOrDefault(a => a.Name == name) ?? throw new ArgumentException($"there is no architecture '{name}'.", nameof(name));

    /// <summary>The names of those that have something, for documentation and errors: <c>`a`, `b`</c>.</summary>
    public static string Named(Func<ArchitectureSpec, bool> which) => string.Join(", ", All.Where(which).Select(a => $"`{a.Name}`"));
}
