namespace Dtt.Core.Configuration;

/// <summary>Well-known model shapes by name: each is a set of keys between the defaults and what the user sets.</summary>
public static class ModelPresets
{
    /// <summary>
    /// The presets and their keys: GPT-2's four sizes (Radford et al. 2019, table 2, with their later parameter counts), llama shapes from stories
    /// to 1B, and the smallest Qwen3.
    /// </summary>
    public static IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> All { get; } = new Dictionary<string, IReadOnlyDictionary<string, string>>
    {
        ["gpt2-124m"] = Gpt2(12, 12, 768),
        ["gpt2-350m"] = Gpt2(24, 16, 1024),
        ["gpt2-774m"] = Gpt2(36, 20, 1280),
        ["gpt2-1558m"] = Gpt2(48, 25, 1600),
        ["llama-15m"] = Llama(6, 6, 6, 288, 768, 256),
        ["llama-42m"] = Llama(8, 8, 8, 512, 1376, 1024),
        ["llama-110m"] = Llama(12, 12, 12, 768, 2048, 1024),
        ["llama-1b"] = Llama(16, 32, 8, 2048, 8192, 2048),
        ["qwen3-0.6b"] = Qwen3(28, 16, 8, 1024, 3072, 4096),
    };

    private static Dictionary<string, string> Gpt2(int blocks, int heads, int width) => new()
    {
        ["architecture"] = "gpt2",
        ["n_blocks"] = $"{blocks}",
        ["n_heads"] = $"{heads}",
        ["d_model"] = $"{width}",
        ["d_mlp"] = $"{4 * width}",
        ["n_ctx"] = "1024",
        ["vocab_size"] = "50257",
    };

    private static Dictionary<string, string> Llama(int blocks, int heads, int kvHeads, int width, int mlp, int context) => new()
    {
        ["architecture"] = "llama",
        ["n_blocks"] = $"{blocks}",
        ["n_heads"] = $"{heads}",
        ["n_kv_heads"] = $"{kvHeads}",
        ["d_model"] = $"{width}",
        ["d_mlp"] = $"{mlp}",
        ["n_ctx"] = $"{context}",
        ["vocab_size"] = "32000",
        ["tie_embeddings"] = "true",
    };

    private static Dictionary<string, string> Qwen3(int blocks, int heads, int kvHeads, int width, int mlp, int context) =>
        new(Llama(blocks, heads, kvHeads, width, mlp, context)) { ["architecture"] = "qwen3", ["head_dim"] = "128", ["vocab_size"] = "151936" };
}
