namespace Dtt.Core.Models;

/// <summary>A class of Hugging Face's transformers and its <c>config.json</c>.</summary>
/// <param name="Class">The class.</param>
/// <param name="Type">Its <c>model_type</c>.</param>
/// <param name="Keys">
/// What its <c>config.json</c> says, in the order in which it is written. A key that is neither here nor in <see cref="HuggingFaceNotes"/> may change what
/// the model computes, and is refused.
/// </param>
public sealed record HuggingFaceModel(string Class, string Type, IReadOnlyList<HuggingFaceKey> Keys)
{
    /// <summary>Whether the blocks' matrices are (in, out), as Conv1D layers have them.</summary>
    public bool IsTransposed { get; init; }

    /// <summary>The start of weights' names that checkpoints saved without the head around them lack.</summary>
    public string OptionalPrefix { get; init; } = "";

    /// <summary>Endings of the names of buffers that old checkpoints carry along.</summary>
    public IReadOnlyList<string> Derived { get; init; } = [];

    /// <summary>GPT-2.</summary>
    public static HuggingFaceModel Gpt2 { get; } = new("GPT2LMHeadModel", "gpt2",
    [
        HuggingFaceKey.Expected("architectures", "GPT2LMHeadModel", "GPT2Model"),
        HuggingFaceKey.Shape("vocab_size", "vocab_size", m => m.VocabSize),
        HuggingFaceKey.Shape("n_positions", "n_ctx", m => m.ContextLength),
        HuggingFaceKey.Written("n_ctx", m => m.ContextLength),
        HuggingFaceKey.Shape("n_embd", "d_model", m => m.ModelDim),
        HuggingFaceKey.Shape("n_layer", "n_blocks", m => m.NumLayers),
        HuggingFaceKey.Shape("n_head", "n_heads", m => m.NumHeads),
        HuggingFaceKey.Shape("n_inner", "d_mlp", m => m.MlpDim) with { IsOptional = true },
        HuggingFaceKey.Fixed("activation_function", "gelu_new", "gelu_pytorch_tanh"),
        HuggingFaceKey.Written("resid_pdrop", m => m.Dropout),
        HuggingFaceKey.Written("embd_pdrop", m => m.Dropout),
        HuggingFaceKey.Written("attn_pdrop", m => m.Dropout),
        HuggingFaceKey.Shape("layer_norm_epsilon", "norm_eps", m => m.NormEpsilon),
        HuggingFaceKey.Written("initializer_range", _ => 0.02),
        HuggingFaceKey.Fixed("scale_attn_weights", true),
        HuggingFaceKey.Expected("scale_attn_by_inverse_layer_idx", "false"),
        HuggingFaceKey.Ignored("reorder_and_upcast_attn"),
        HuggingFaceKey.Fixed("tie_word_embeddings", true),
    ])
    { IsTransposed = true, OptionalPrefix = "transformer.", Derived = [".attn.bias", ".attn.masked_bias"] };

    /// <summary>GPT-2 with exact GELU: the same class, told to compute it.</summary>
    public static HuggingFaceModel NanoGpt { get; } = Gpt2 with
    {
        Keys = [.. Gpt2.Keys.Select(k => k.Name == "activation_function" ? HuggingFaceKey.Fixed("activation_function", "gelu") : k)],
    };

    /// <summary>Llama.</summary>
    public static HuggingFaceModel Llama { get; } = new("LlamaForCausalLM", "llama",
    [
        HuggingFaceKey.Expected("architectures", "LlamaForCausalLM", "LLaMAForCausalLM"),
        HuggingFaceKey.Shape("vocab_size", "vocab_size", m => m.VocabSize),
        HuggingFaceKey.Shape("hidden_size", "d_model", m => m.ModelDim),
        HuggingFaceKey.Shape("intermediate_size", "d_mlp", m => m.MlpDim),
        HuggingFaceKey.Shape("num_hidden_layers", "n_blocks", m => m.NumLayers),
        HuggingFaceKey.Shape("num_attention_heads", "n_heads", m => m.NumHeads),
        HuggingFaceKey.Shape("num_key_value_heads", "n_kv_heads", m => m.NumKvHeads) with { IsOptional = true },
        HuggingFaceKey.Shape("head_dim", "head_dim", m => m.HeadDim) with { IsOptional = true },
        HuggingFaceKey.Shape("max_position_embeddings", "n_ctx", m => m.ContextLength),
        HuggingFaceKey.Fixed("hidden_act", "silu", "swish"),
        HuggingFaceKey.Shape("rms_norm_eps", "norm_eps", m => m.NormEpsilon),
        HuggingFaceKey.Shape("rope_theta", "rope_theta", m => m.RopeTheta) with { IsOptional = true },
        HuggingFaceKey.Fixed("rope_scaling", null),
        .. Rope("rope_scaling"),
        .. Rope("rope_parameters"),   // as transformers 5 writes them
        HuggingFaceKey.Expected("partial_rotary_factor", "1.0", "1"),
        HuggingFaceKey.Fixed("attention_bias", false),
        HuggingFaceKey.Fixed("mlp_bias", false),
        HuggingFaceKey.Expected("is_causal", "true"),
        HuggingFaceKey.Written("attention_dropout", _ => 0.0),
        HuggingFaceKey.Ignored("pretraining_tp"),
        HuggingFaceKey.Written("initializer_range", _ => 0.02),
        HuggingFaceKey.Shape("tie_word_embeddings", "tie_embeddings", m => m.TieEmbeddings) with { IsOptional = true },
    ])
    { Derived = [".rotary_emb.inv_freq"] };

    /// <summary>Qwen3: Llama's keys, with defaults of its own, and windows that DTT has not.</summary>
    public static HuggingFaceModel Qwen3 { get; } = new("Qwen3ForCausalLM", "qwen3",
    [
        .. Llama.Keys.Where(k => k.Name != "mlp_bias").Select(k => k.Name switch
        {
            "architectures" => k with { Known = ["Qwen3ForCausalLM"] },
            "num_key_value_heads" => k with { Absent = "32" },
            "head_dim" => k with { Absent = "128" },
            "rope_theta" => k with { Absent = "10000" },
            _ => k,
        }),
        HuggingFaceKey.Fixed("use_sliding_window", false),
        HuggingFaceKey.Written("sliding_window", _ => null),
        HuggingFaceKey.Written("max_window_layers", m => m.NumLayers),
        HuggingFaceKey.Expected("layer_types", "full_attention"),
    ]);

    /// <summary>An object about rotary positions: of its kinds DTT has the plain one.</summary>
    private static HuggingFaceKey[] Rope(string at) =>
    [
        HuggingFaceKey.Expected(at + ".rope_type", "default"),
        HuggingFaceKey.Expected(at + ".type", "default"),
        HuggingFaceKey.Expected(at + ".partial_rotary_factor", "1.0", "1"),
        new HuggingFaceKey(at + ".rope_theta") { Key = "rope_theta", IsOptional = true },
    ];
}
