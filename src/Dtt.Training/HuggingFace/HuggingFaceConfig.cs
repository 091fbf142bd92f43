using System.Text.Json;
using System.Text.Json.Nodes;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;

namespace Dtt.Training.HuggingFace;

/// <summary><c>config.json</c> of a GPT-2 or Llama folder, both ways.</summary>
internal static class HuggingFaceConfig
{
    /// <summary>Their configuration of a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="endOfText">The id of the end of a document.</param>
    public static JsonObject Write(ModelConfig model, int endOfText) => model.Architecture == "llama"
        ? new JsonObject
        {
            ["architectures"] = new JsonArray("LlamaForCausalLM"),
            ["model_type"] = "llama",
            ["vocab_size"] = model.VocabSize,
            ["hidden_size"] = model.ModelDim,
            ["intermediate_size"] = model.MlpDim,
            ["num_hidden_layers"] = model.NumLayers,
            ["num_attention_heads"] = model.NumHeads,
            ["num_key_value_heads"] = model.NumKvHeads,
            ["head_dim"] = model.HeadDim,
            ["max_position_embeddings"] = model.ContextLength,
            ["hidden_act"] = "silu",
            ["rms_norm_eps"] = model.NormEpsilon,
            ["rope_theta"] = model.RopeTheta,
            ["rope_scaling"] = null,
            ["attention_bias"] = false,
            ["mlp_bias"] = false,
            ["attention_dropout"] = 0.0,
            ["initializer_range"] = 0.02,
            ["tie_word_embeddings"] = model.TieEmbeddings,
            ["bos_token_id"] = endOfText,
            ["eos_token_id"] = endOfText,
            ["torch_dtype"] = "float32",
            ["use_cache"] = true,
        }
        : new JsonObject
        {
            ["architectures"] = new JsonArray("GPT2LMHeadModel"),
            ["model_type"] = "gpt2",
            ["vocab_size"] = model.VocabSize,
            ["n_positions"] = model.ContextLength,
            ["n_ctx"] = model.ContextLength,
            ["n_embd"] = model.ModelDim,
            ["n_layer"] = model.NumLayers,
            ["n_head"] = model.NumHeads,
            ["n_inner"] = model.MlpDim,
            ["activation_function"] = "gelu_new",
            ["resid_pdrop"] = model.Dropout,
            ["embd_pdrop"] = model.Dropout,
            ["attn_pdrop"] = model.Dropout,
            ["layer_norm_epsilon"] = model.NormEpsilon,
            ["initializer_range"] = 0.02,
            ["scale_attn_weights"] = true,
            ["tie_word_embeddings"] = true,
            ["bos_token_id"] = endOfText,
            ["eos_token_id"] = endOfText,
            ["torch_dtype"] = "float32",
            ["use_cache"] = true,
        };

    /// <summary>The keys of DTT's configuration that describe a folder's model.</summary>
    /// <exception cref="BadDataException">It is another kind of model, or has something that DTT's has not.</exception>
    public static IReadOnlyDictionary<string, string> Read(string file)
    {
        if (!File.Exists(file)) throw new BadDataException($"there is no {file}: a Hugging Face folder has a config.json beside its model.safetensors.");
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(file));
            return json.RootElement.GetProperty("model_type").GetString() switch
            {
                "gpt2" => Gpt2(json.RootElement, file),
                "llama" => Llama(json.RootElement, file),
                var other => throw new BadDataException($"{file} is of a '{other}'; DTT imports gpt2 and llama."),
            };
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new BadDataException($"{file} is damaged or lacks a key: {e.Message}", e);
        }
    }

    private static Dictionary<string, string> Gpt2(JsonElement json, string file)
    {
        Require(file, json, "activation_function", "gelu_new", "gelu_new", "gelu_pytorch_tanh");
        Require(file, json, "scale_attn_weights", "true", "true");
        Require(file, json, "scale_attn_by_inverse_layer_idx", "false", "false");
        var width = Number(json, "n_embd");
        return new Dictionary<string, string>
        {
            ["architecture"] = "gpt2",
            ["n_blocks"] = Number(json, "n_layer"),
            ["n_heads"] = Number(json, "n_head"),
            ["d_model"] = width,
            ["d_mlp"] = Optional(json, "n_inner") ?? $"{4 * int.Parse(width)}",
            ["n_ctx"] = Number(json, "n_positions"),
            ["vocab_size"] = Number(json, "vocab_size"),
            ["norm_eps"] = Number(json, "layer_norm_epsilon"),
        };
    }

    private static Dictionary<string, string> Llama(JsonElement json, string file)
    {
        Require(file, json, "hidden_act", "silu", "silu");
        Require(file, json, "rope_scaling", "null", "null");
        Require(file, json, "attention_bias", "false", "false");
        Require(file, json, "mlp_bias", "false", "false");
        var (width, heads) = (Number(json, "hidden_size"), Number(json, "num_attention_heads"));
        Require(file, json, "head_dim", $"{int.Parse(width) / int.Parse(heads)}", $"{int.Parse(width) / int.Parse(heads)}");
        return new Dictionary<string, string>
        {
            ["architecture"] = "llama",
            ["n_blocks"] = Number(json, "num_hidden_layers"),
            ["n_heads"] = heads,
            ["n_kv_heads"] = Optional(json, "num_key_value_heads") ?? heads,
            ["d_model"] = width,
            ["d_mlp"] = Number(json, "intermediate_size"),
            ["n_ctx"] = Number(json, "max_position_embeddings"),
            ["vocab_size"] = Number(json, "vocab_size"),
            ["norm_eps"] = Number(json, "rms_norm_eps"),
            ["rope_theta"] = Optional(json, "rope_theta") ?? "10000",
            ["tie_embeddings"] = Optional(json, "tie_word_embeddings") ?? "false",
        };
    }

    private static string Number(JsonElement json, string key) => json.GetProperty(key).GetRawText();

    private static string? Optional(JsonElement json, string key) => json.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null ? value.GetRawText() : null;

    /// <summary>A key whose other values DTT's model cannot follow.</summary>
    private static void Require(string file, JsonElement json, string key, string absent, params string[] known)
    {
        var value = json.TryGetProperty(key, out var found) ? found.ToString() is { Length: > 0 } text ? text.Replace("True", "true", StringComparison.Ordinal).Replace("False", "false", StringComparison.Ordinal) : "null" : absent;
        if (!known.Contains(value)) throw new BadDataException($"{file}: '{key}' is {value}, and DTT's model has {string.Join(" or ", known)} only.");
    }
}
