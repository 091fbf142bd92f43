using System.Security.Cryptography;
using System.Text.Json;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Data.Tokenizers;
using Dtt.Tests;
using Dtt.Training.Checkpoints;
using Dtt.Training.HuggingFace;
using Dtt.Training.Model;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.HuggingFace;

/// <summary>Folders and logits made by PyTorch from the definitions of Hugging Face's classes (tests/reference/make_huggingface.py).</summary>
public sealed class HuggingFaceTests(ITestOutputHelper output) : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly string _before = Environment.CurrentDirectory;

    public void Dispose()
    {
        Environment.CurrentDirectory = _before;
        _folder.Dispose();
    }

    [Theory]
    [InlineData("hf-gpt2")]
    [InlineData("hf-llama")]
    [InlineData("hf-qwen3")]
    public void Import_ComputesTheirLogits(string name)
    {
        var (config, checkpoint) = Import(Reference(name), "theirs");
        using var scope = NewDisposeScope();
        var gpt = Load(config, checkpoint);
        using var expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Reference(name), "expected.json")));
        long[] tokens = [.. expected.RootElement.GetProperty("tokens").EnumerateArray().Select(t => t.GetInt64())];
        var logits = Tiny.Values(gpt.AllLogits(tensor(tokens, [1, tokens.Length])));
        var worst = expected.RootElement.GetProperty("logits").EnumerateArray().Select(l => l.GetDouble()).Zip(logits).Max(l => Math.Abs(l.First - l.Second));
        output.WriteLine($"worst logit error {worst:0.0e+00}");
        Assert.InRange(worst, 0, 1e-5);
    }

    [Theory]
    [InlineData("hf-gpt2")]
    [InlineData("hf-llama")]
    [InlineData("hf-qwen3")]
    public void ExportThenImport_IsBitIdentical_AndHasTheirNamesAndLayout(string name)
    {
        var (model, first) = Import(Reference(name), "first");
        var exported = _folder["exported"];
        HuggingFaceExport.Write(first, exported);
        var (again, second) = Import(exported, "second");
        Assert.Equal(model.Model, again.Model);
        Assert.Equal(Weights(first), Weights(second));

        // Every tensor of the original is there again, with the same values.
        using var scope = NewDisposeScope();
        var (original, ours) = (SafetensorsSet.Open(Reference(name)), SafetensorsSet.Open(exported));
        Assert.Equal(original.Names.Select(Full).Order(), ours.Names.Order());
        foreach (var tensor in original.Names) Assert.Equal(Tiny.Bytes(original.Read(tensor)), Tiny.Bytes(ours.Read(Full(tensor))));
        Assert.Equal(
            ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"],
            Directory.EnumerateFiles(exported).Select(Path.GetFileName).Order());
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(exported, "config.json")));
        using var theirs = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Reference(name), "config.json")));
        foreach (var key in theirs.RootElement.EnumerateObject())
        {
            var written = json.RootElement.GetProperty(key.Name);
            if (key.Value.ValueKind == JsonValueKind.Number) Assert.Equal(key.Value.GetDouble(), written.GetDouble());
            else Assert.Equal(key.Value.ToString(), written.ToString());
        }

        Assert.Contains(json.RootElement.GetProperty("tie_word_embeddings").ValueKind, new[] { JsonValueKind.True, JsonValueKind.False });
        using var tokenizer = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(exported, "tokenizer_config.json")));
        Assert.Equal("PreTrainedTokenizerFast", tokenizer.RootElement.GetProperty("tokenizer_class").GetString());
        Assert.Contains("is there already", Assert.Throws<UserErrorException>(() => HuggingFaceExport.Write(first, exported)).Message);

        static string Full(string tensor) => tensor.StartsWith("model.") || tensor.StartsWith("lm_head") ? tensor : "transformer." + tensor;
    }

    [Fact]
    public void Export_OfTheDttArchitecture_IsRefusedWithTheReason()
    {
        using var parameters = new FlatParameters(ParameterTable.Of(Tiny.Model("dtt")), CPU, bf16: false, forTraining: false);
        Assert.Contains("no final norm", Assert.Throws<UserErrorException>(() => HuggingFaceNames.Views(Tiny.Model("dtt"), parameters)).Message);
    }

    [Theory]
    [InlineData("\"gelu_new\"", "\"relu\"", "'activation_function' is relu")]
    [InlineData("\"model_type\": \"gpt2\"", "\"model_type\": \"bert\"", "describes a 'bert' model; DTT imports gpt2, llama")]
    [InlineData("\"n_inner\": 48", "\"n_inner\": 40", "it should be (16, 40)")]
    [InlineData("\"vocab_size\": 259", "\"vocab_size\": 300", "'wte.weight' is (259, 16), and by its config.json it should be (300, 16)")]
    [InlineData("\"n_layer\": 2", "\"n_layer\": 1", "'h.1.ln_1.weight' is in its files")]
    public void Import_OfSomethingElse_SaysWhat_AndLeavesNothing(string old, string changed, string message)
    {
        var copy = Copy("hf-gpt2", old, changed);
        Assert.Contains(message, Assert.ThrowsAny<UserErrorException>(() => Import(copy, "bad")).Message);
        Assert.False(Directory.Exists(_folder["runs"]));
    }

    [Theory]
    [InlineData("\"use_sliding_window\": false", "\"use_sliding_window\": true", "'use_sliding_window' is true")]
    [InlineData("\"max_window_layers\": 2", "\"layer_types\": [\"full_attention\", \"sliding_attention\"]", "'layer_types' is")]
    [InlineData("\"attention_bias\": false", "\"attention_bias\": true", "'attention_bias' is true")]
    [InlineData("\"max_window_layers\": 2", "\"rope_parameters\": { \"rope_type\": \"yarn\" }", "'rope_parameters.rope_type' is yarn")]
    [InlineData("\"head_dim\": 16,", "", "it should be (512, 24)")]   // Qwen3's own default, 128
    [InlineData("\"hidden_size\": 24,", "", "config.json has no 'hidden_size'")]
    public void Import_OfAQwen3ThatDttHasNot_IsRefused(string old, string changed, string message)
    {
        var copy = Copy("hf-qwen3", old, changed);
        Assert.Contains(message, Assert.ThrowsAny<UserErrorException>(() => Import(copy, "bad")).Message);
    }

    [Fact]
    public void Import_OfATiedQwen3_AsTransformers5WritesIt_IsExportedWithoutAHead()
    {
        var copy = Copy("hf-qwen3", "\"rope_theta\": 1000000.0", """
            "rope_parameters": { "rope_theta": 500000.0, "rope_type": "default" },
            "layer_types": ["full_attention", "full_attention"]
            """);
        var config = Path.Combine(copy, "config.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true"));
        using (NewDisposeScope())
        {
            var files = SafetensorsSet.Open(Reference("hf-qwen3"));
            File.Delete(Path.Combine(copy, "model.safetensors"));
            Safetensors.Write(Path.Combine(copy, "model.safetensors"), [.. files.Names.Where(n => n != "lm_head.weight").Select(n => (n, files.Read(n)))]);
        }

        var (run, first) = Import(copy, "first");
        Assert.Equal((500000.0, true), (run.Model.RopeTheta, run.Model.TieEmbeddings));
        HuggingFaceExport.Write(first, _folder["exported"]);
        Assert.DoesNotContain("lm_head.weight", SafetensorsSet.Open(_folder["exported"]).Names);
        var (again, second) = Import(_folder["exported"], "second");
        Assert.Equal(run.Model, again.Model);
        Assert.Equal(Weights(first), Weights(second));
    }

    [Fact]
    public void Import_OfAGpt2WithAHeadOfItsOwn_IsRefused()
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        var copy = Directory.CreateDirectory(_folder["copy"]).FullName;
        foreach (var file in Directory.EnumerateFiles(Reference("hf-gpt2"))) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        var files = SafetensorsSet.Open(copy);
        var tensors = files.Names.Where(n => n != "lm_head.weight").Select(n => (n, files.Read(n))).ToList();
        var embedding = tensors.Single(t => t.n.EndsWith("wte.weight")).Item2;
        foreach (var (head, refused) in new[] { (embedding, false), (embedding.neg(), true) })
        {
            foreach (var old in Directory.EnumerateFiles(copy, "*.safetensors*")) File.Delete(old);
            Safetensors.Write(Path.Combine(copy, "model.safetensors"), [.. tensors, ("lm_head.weight", head)]);
            if (refused) Assert.Contains("its lm_head.weight is not its embedding", Assert.Throws<BadDataException>(() => Import(copy, "untied")).Message);
            else Import(copy, "tied");
        }
    }

    /// <summary>A copy of a folder whose configuration is changed.</summary>
    [Theory]
    [InlineData("/proc/a/b", "no folder can be made in /proc (its file system takes none)")]
    [InlineData("a-file/b", "a-file (")]
    public void Export_WhereNoFolderCanBe_SaysInWhich(string target, string message)
    {
        _folder.Write("a-file", "");
        var (_, checkpoint) = Import(Reference("hf-gpt2"), "theirs");
        var error = Assert.Throws<UserErrorException>(() => HuggingFaceExport.Write(checkpoint, Path.Combine(_folder.Path, target)));
        Assert.Contains(message, error.Message);
        Assert.EndsWith("; name another one with -o.", error.Message);
    }

    [Fact]
    public void Import_OfOneModelManyTimesAtOnce_IsARunEach_WhoeverFails()
    {
        var nowhere = Path.Combine(_folder.Write("a-file", ""), "runs");
        var runs = new System.Collections.Concurrent.ConcurrentBag<string>();
        Parallel.For(0, 12, i =>
        {
            var spec = new ImportSpec(Reference("hf-gpt2"), "theirs", i % 2 == 0 ? _folder["runs"] : nowhere, _folder["tokenizers"]);
            if (i % 2 == 0) runs.Add(HuggingFaceImport.Read(spec).RunFolder);
            else Assert.Contains("nothing of it stays", Assert.Throws<UserErrorException>(() => HuggingFaceImport.Read(spec)).Message);
        });
        Assert.Equal(6, runs.Distinct().Count());
        var tokenizer = Assert.Single(runs.Select(r => RunFile.Read(new RunLayout(r)).Request!.TokenizerFolder).Distinct());
        Assert.Equal(4, Directory.GetFiles(tokenizer).Length);
        _ = TokenizerFolder.Load(tokenizer);
    }

    private string Copy(string name, string old, string changed)
    {
        var copy = Directory.CreateDirectory(_folder["copy"]).FullName;
        foreach (var file in Directory.EnumerateFiles(Reference(name))) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        var config = Path.Combine(copy, "config.json");
        Assert.Contains(old, File.ReadAllText(config));
        File.WriteAllText(config, File.ReadAllText(config).Replace(old, changed));
        return copy;
    }

    /// <summary>Imports into a folder of the test's own.</summary>
    private (RunConfig Config, CheckpointSource Checkpoint) Import(string from, string name)
    {
        var layout = new RunLayout(HuggingFaceImport.Read(new ImportSpec(from, name, _folder["runs"], _folder["tokenizers"])).RunFolder);
        var run = RunFile.Read(layout);
        Assert.Equal(RunState.Completed, run.Record!.State);
        Assert.Equal(
            [EventKinds.Started, EventKinds.Imported, EventKinds.Committed, EventKinds.Completed],
            RunFile.ReadEvents(layout).Select(e => e.Event.Kind));
        var (committed, request) = (run.Record.Latest!, run.Request!);
        var folder = layout.Checkpoint(committed.FolderName);
        return (request.Config, new CheckpointSource(folder, committed.ManifestSha256, request.ConfigYaml, "", request.TokenizerFolder));
    }

    private static Gpt Load(RunConfig config, CheckpointSource checkpoint)
    {
        var gpt = Tiny.Gpt(config.Model);
        var manifest = CheckpointFolder.ReadManifest(checkpoint.Folder, checkpoint.ManifestSha256);
        CheckpointFolder.Load(checkpoint.Folder, manifest, config.Model, gpt.Parameters, optimizer: null);
        return gpt;
    }

    private static string Weights(CheckpointSource checkpoint) =>
        Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(Path.Combine(checkpoint.Folder, "model.safetensors"))));

    private static string Reference(string name) => Path.Combine(AppContext.BaseDirectory, "reference", name);
}
