using System.Text;
using System.Text.Json;
using Dtt.Core.Errors;
using Dtt.Training.HuggingFace;

namespace Dtt.Training.Tests.HuggingFace;

/// <summary>What the keys of a <c>config.json</c> mean, and which DTT has not.</summary>
public sealed class ForeignConfigTests
{
    [Theory]
    [InlineData("""{"rope_parameters": {"rope_theta": 500000.0, "rope_type": "default"}}""", 500000)]
    [InlineData("""{"rope_parameters": {"rope_theta": 500000.0}}""", 500000)]
    [InlineData("""{"rope_scaling": {"rope_theta": 500000, "type": "default"}}""", 500000)]
    [InlineData("""{"rope_theta": 500000, "rope_parameters": {"rope_theta": 500000.0, "rope_type": "default"}}""", 500000)]
    [InlineData("""{"rope_theta": 500000.0, "rope_scaling": null}""", 500000)]
    [InlineData("{}", 10000)]
    public void Import_OfALlama_TakesTheBaseOfItsAngles_WhereverItStands_AndExportsIt(string keys, double theta)
    {
        using var folder = new ForeignFolder("hf-llama").With("config.json", c => c.Remove("rope_theta")).Set("config.json", keys);
        var (config, checkpoint) = folder.Import();
        Assert.Equal(theta, config.Model.RopeTheta);
        HuggingFaceExport.Write(checkpoint, folder["exported"]);
        using var exported = JsonDocument.Parse(File.ReadAllBytes(folder["exported/config.json"]));
        Assert.Equal(theta, exported.RootElement.GetProperty("rope_theta").GetDouble());
    }

    [Theory]
    [InlineData("hf-llama", """{"rope_parameters": {"rope_theta": 500000.0, "rope_type": "llama3"}}""", "'rope_parameters.rope_type' is llama3")]
    [InlineData("hf-llama", """{"rope_scaling": {"type": "linear", "factor": 2.0}}""", "'rope_scaling.factor' is 2.0")]
    [InlineData("hf-llama", """{"rope_scaling": {"rope_type": "yarn"}}""", "'rope_scaling.rope_type' is yarn")]
    [InlineData("hf-llama", """{"rope_scaling": "linear"}""", "'rope_scaling' is linear")]
    [InlineData("hf-llama", """{"rope_parameters": {"full_attention": {"rope_theta": 1.0}}}""", "'rope_parameters.full_attention' is")]
    [InlineData("hf-llama", """{"rope_parameters": {"rope_theta": 500000.0}}""", "'rope_theta' is 5000.0 and 'rope_parameters.rope_theta' is 500000.0")]
    [InlineData("hf-llama", """{"rope_parameters": {"partial_rotary_factor": 0.5}}""", "'rope_parameters.partial_rotary_factor' is 0.5")]
    [InlineData("hf-llama", """{"partial_rotary_factor": 0.5}""", "'partial_rotary_factor' is 0.5")]
    [InlineData("hf-llama", """{"mlp_bias": true}""", "'mlp_bias' is true")]
    [InlineData("hf-llama", """{"is_causal": false}""", "'is_causal' is false")]
    [InlineData("hf-llama", """{"sliding_window": 4}""", "'sliding_window' is 4")]
    [InlineData("hf-llama", """{"quantization_config": {"bits": 4}}""", "'quantization_config' is")]
    [InlineData("hf-llama", """{"auto_map": {"AutoModel": "own.Model"}}""", "'auto_map' is")]
    [InlineData("hf-llama", """{"architectures": ["LlamaForSequenceClassification"]}""", "'architectures' is LlamaForSequenceClassification")]
    [InlineData("hf-llama", """{"hidden_act": "gelu"}""", "'hidden_act' is gelu")]
    [InlineData("hf-qwen3", """{"layer_types": ["sliding_attention", "full_attention"]}""", "'layer_types' is")]
    [InlineData("hf-gpt2", """{"add_cross_attention": true}""", "'add_cross_attention' is true")]
    [InlineData("hf-gpt2", """{"is_encoder_decoder": true}""", "'is_encoder_decoder' is true")]
    [InlineData("hf-gpt2", """{"scale_attn_weights": false}""", "'scale_attn_weights' is false")]
    [InlineData("hf-gpt2", """{"scale_attn_by_inverse_layer_idx": true}""", "'scale_attn_by_inverse_layer_idx' is true")]
    [InlineData("hf-gpt2", """{"tie_word_embeddings": false}""", "'tie_word_embeddings' is false")]
    [InlineData("hf-gpt2", """{"pruned_heads": {"0": [1]}}""", "'pruned_heads' is")]
    [InlineData("hf-gpt2", """{"logit_scale": 0.5}""", "'logit_scale' is 0.5")]
    [InlineData("hf-gpt2", """{"n_layer": 4096}""", "its files hold no 'transformer.h.2.ln_1.weight'")]
    [InlineData("hf-gpt2", """{"n_positions": 4000000}""", "'wpe.weight' is (12, 16), and by its config.json it should be (4000000, 16)")]
    [InlineData("hf-gpt2", """{"n_embd": "wide"}""", "config.json, 'n_embd': 'd_model' must be")]
    [InlineData("hf-gpt2", """{"n_embd": [16]}""", "config.json, 'n_embd': 'd_model' must be")]
    [InlineData("hf-gpt2", """{"n_embd": null}""", "config.json has no 'n_embd'")]
    [InlineData("hf-gpt2", """{"model_type": null}""", "config.json has no 'model_type'")]
    public void Import_OfAKeyThatDttHasNot_IsRefusedByName(string reference, string keys, string message)
    {
        using var folder = new ForeignFolder(reference).Set("config.json", keys);
        Assert.Contains(message, Assert.ThrowsAny<UserErrorException>(() => folder.Import()).Message);
        Assert.False(Directory.Exists(folder.Runs));
    }

    [Theory]
    [InlineData("hf-llama", """{"head_dim": null, "attention_bias": null, "mlp_bias": null, "rope_scaling": {"rope_type": "default"}}""")]
    [InlineData("hf-llama", """{"pretraining_tp": 4, "torch_dtype": "bfloat16", "_name_or_path": "x", "transformers_version": "4.40.0", "use_cache": true}""")]
    [InlineData("hf-llama", """{"is_llama_config": true, "rope_interleaved": false, "pad_token_id": 0, "auto_map": null, "hidden_act": "swish"}""")]
    [InlineData("hf-llama", """{"rope_parameters": null, "rope_scaling": {}, "partial_rotary_factor": 1.0, "quantization_config": null}""")]
    [InlineData("hf-qwen3", """{"layer_types": ["full_attention", "full_attention"], "sliding_window": 4096, "dtype": "bfloat16"}""")]
    [InlineData("hf-gpt2", """{"summary_type": "cls_index", "task_specific_params": {"x": {"do_sample": true}}, "reorder_and_upcast_attn": false}""")]
    [InlineData("hf-gpt2", """{"activation_function": "gelu_pytorch_tanh", "tie_word_embeddings": true, "architectures": ["GPT2Model"], "pruned_heads": {}}""")]
    public void Import_OfHarmlessKeys_IsTheSameModel(string reference, string keys)
    {
        using var plain = new ForeignFolder(reference);
        using var more = new ForeignFolder(reference).Set("config.json", keys);
        Assert.Equal(plain.Import().Config.Model, more.Import().Config.Model);
    }

    [Fact]
    public void Import_OfAFileWithAByteOrderMark_ReadsIt()
    {
        using var folder = new ForeignFolder("hf-gpt2");
        foreach (var file in new[] { "config.json", "tokenizer.json" })
            File.WriteAllBytes(folder[file], [.. Encoding.UTF8.Preamble, .. File.ReadAllBytes(folder[file])]);
        var (_, checkpoint) = folder.Import();
        HuggingFaceExport.Write(checkpoint, folder["exported"]);
        Assert.Equal((byte)'{', File.ReadAllBytes(folder["exported/tokenizer.json"])[0]);
    }

    [Theory]
    [InlineData("hf-gpt2", "model_type")]
    [InlineData("hf-gpt2", "n_positions")]
    [InlineData("hf-llama", "rms_norm_eps")]
    [InlineData("hf-llama", "max_position_embeddings")]
    [InlineData("hf-qwen3", "vocab_size")]
    public void Import_WithoutAKey_NamesIt(string reference, string key)
    {
        using var folder = new ForeignFolder(reference).With("config.json", c => c.Remove(key));
        Assert.Contains($"config.json has no '{key}'", Assert.Throws<BadDataException>(() => folder.Import()).Message);
    }
}
