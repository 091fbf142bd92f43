using System.Text.Json;
using Dtt.Core.Configuration;
using Dtt.Core.Models;
using Dtt.Core.Ranks;
using Dtt.Tests;
using Dtt.Training.Checkpoints;
using Dtt.Training.HuggingFace;
using Dtt.Training.Model;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Imports;

/// <summary>
/// Files that torch.save made of modules with nanoGPT's and the Python DTT's names, and logits of those modules (tests/reference/make_foreign.py).
/// </summary>
public sealed class ForeignImportTests(ITestOutputHelper output) : IDisposable
{
    private readonly ForeignFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData("ckpt.pt", "hf-gpt2", 264, 1500, "5 rows of its vocabulary of 264 belong to no token of its tokenizer and are left out")] // compiled, fp32
    [InlineData("bare.pt", "hf-gpt2", 259, 0, "it has no biases; they are 0, which is the same, and would be trained")]                    // bf16, a head apart
    [InlineData("dtt/model.pt", "foreign/merges.pkl", 260, 0, "a row for <|endoftext|>, which it has not, is added, so unlikely that it is never drawn")]
    public void Import_OfTorchSave_ComputesTheirLogits(string file, string tokenizer, int ids, long step, string note)
    {
        var (config, checkpoint, result) = _files.Import(Path.Combine(ForeignFiles.Folder, file), Repository.At("tests", "reference", tokenizer));
        Assert.Equal(note, result.Note);
        Assert.EndsWith($"step_{step:00000000}.a01", checkpoint.Folder);
        using var expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(ForeignFiles.Folder, "expected.json")));
        long[] tokens = [.. expected.RootElement.GetProperty("tokens").EnumerateArray().Select(t => t.GetInt64())];
        var theirs = expected.RootElement.GetProperty(file).EnumerateArray().Select(l => l.GetDouble()).Chunk(ids).ToList();
        using var scope = NewDisposeScope();
        var ours = Tiny.Values(Load(config, checkpoint).AllLogits(tensor(tokens, [1, tokens.Length]))).Chunk(config.Model.VocabSize).ToList();
        var worst = theirs.Zip(ours).Max(row => row.First.Zip(row.Second).Max(l => Math.Abs(l.First - l.Second)));
        output.WriteLine($"worst logit error {worst:0.0e+00}");
        Assert.InRange(worst, 0, 2e-5);
        if (config.Model.VocabSize > ids) Assert.All(ours, row => Assert.True(row[ids] < row.Take(ids).Max() - 5));
    }

    [Theory]
    [InlineData(3, "model.bin", 0)]
    [InlineData(5, "model_00019552.bin", 19552)]
    public void Import_OfLlmC_IsTheModelOfTheSameWeightsInSafetensors(int version, string name, long step)
    {
        var model = Tiny.Model("gpt2") with { VocabSize = 259, MlpDim = 64, ContextLength = 12 };
        using var scope = NewDisposeScope();
        manual_seed(11);
        var weights = ParameterTable.Of(model).ToDictionary(w => w.Name, w => randn([.. w.Shape]) * 0.2);
        if (version == 5) weights = weights.ToDictionary(w => w.Key, w => w.Value.to(ScalarType.BFloat16).to(ScalarType.Float32));
        ForeignFiles.WriteLlmC(_files[name], version, model, weights, padded: 384);
        var (config, checkpoint, _) = _files.Import(_files[name], ForeignFiles.Gpt2sBytes);
        Assert.EndsWith($"step_{step:00000000}.a01", checkpoint.Folder);

        var folder = Directory.CreateDirectory(_files["hf"]).FullName;
        File.Copy(Path.Combine(ForeignFiles.Gpt2sBytes, "tokenizer.json"), Path.Combine(folder, "tokenizer.json"));
        File.WriteAllText(Path.Combine(folder, "config.json"), """
            {"model_type": "gpt2", "vocab_size": 259, "n_positions": 12, "n_embd": 16, "n_layer": 2, "n_head": 2, "layer_norm_epsilon": 1e-5}
            """);
        var table = ParameterTable.Of(model);
        _ = Safetensors.Write(Path.Combine(folder, "model.safetensors"),
            [.. table.Select(w => (w.Name, w.Role == ParameterRole.Hidden ? weights[w.Name].t().contiguous() : weights[w.Name]))]);
        var (other, there, _) = _files.Import(folder);
        Assert.Equal(other.Model, config.Model);
        Assert.Equal(WeightsOf(there), WeightsOf(checkpoint));
        var tokens = tensor(new long[] { 1, 2, 258, 40, 99 }, [1, 5]);
        Assert.Equal(Tiny.Values(Load(other, there).AllLogits(tokens)), Tiny.Values(Load(config, checkpoint).AllLogits(tokens)));
    }

    [Fact]
    public void Export_OfNanoGpts_TellsTransformersTheActivation_AndComesBack()
    {
        var (config, checkpoint, _) = _files.Import(Path.Combine(ForeignFiles.Folder, "ckpt.pt"), ForeignFiles.Gpt2sBytes);
        HuggingFaceExport.Write(checkpoint, _files["exported"]);
        Assert.Contains("\"activation_function\": \"gelu\"", File.ReadAllText(_files["exported/config.json"]));
        var (again, back, _) = _files.Import(_files["exported"]);
        Assert.Equal((config.Model, "nanogpt"), (again.Model, again.Model.Architecture));
        Assert.Equal(WeightsOf(checkpoint), WeightsOf(back));
    }

    private static string WeightsOf(CheckpointSource checkpoint) =>
        CheckpointFolder.ReadManifest(checkpoint.Folder, checkpoint.ManifestSha256).WeightsSha256;

    private static Gpt Load(RunConfig config, CheckpointSource checkpoint)
    {
        var gpt = Tiny.Gpt(config.Model);
        var manifest = CheckpointFolder.ReadManifest(checkpoint.Folder, checkpoint.ManifestSha256);
        CheckpointFolder.Load(checkpoint.Folder, manifest, config.Model, gpt.Parameters, optimizer: null);
        return gpt;
    }
}
