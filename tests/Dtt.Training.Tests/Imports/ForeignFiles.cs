using System.IO.Compression;
using System.Runtime.InteropServices;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Tests;
using Dtt.Training.Imports;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Imports;

/// <summary>A folder for files of other programs, and for what is imported from them.</summary>
internal sealed class ForeignFiles : IDisposable
{
    private readonly TempFolder _folder = new();

    /// <summary>What tests/reference/make_foreign.py made.</summary>
    public static string Folder { get; } = Repository.At("tests", "reference", "foreign");

    /// <summary>A tokenizer of 259 ids.</summary>
    public static string Gpt2sBytes { get; } = Repository.At("tests", "reference", "hf-gpt2");

    public string Path => _folder.Path;

    public string this[string name] => _folder[name];

    public void Dispose() => _folder.Dispose();

    public void Write(string name, string content) => _folder.Write(name, content);

    public void AssertRefused(string path, string message, string? tokenizer = "hf-gpt2")
    {
        var with = tokenizer == "hf-gpt2" ? Gpt2sBytes : tokenizer;
        var said = Assert.Throws<BadDataException>(() => Import(path, with));
        Assert.Contains(message, said.Message);
        Assert.False(Directory.Exists(_folder["runs"]));
    }

    public (RunConfig Config, CheckpointSource Checkpoint, ImportResult Result) Import(string path, string? tokenizer = null)
    {
        var result = ForeignImport.Read(new ImportSpec(path, "theirs", _folder["runs"], _folder["tokenizers"], tokenizer));
        var layout = new RunLayout(result.RunFolder);
        var run = RunFile.Read(layout);
        var (committed, request) = (run.Record!.Latest!, run.Request!);
        Assert.Equal(RunState.Completed, run.Record.State);
        Assert.Empty(LineageAudit.Of(run.Record, _ => []).Problems);
        return (request.Config, CheckpointSource.Of(request, layout.Checkpoint(committed.FolderName), committed.ManifestSha256), result);
    }

    public string Torch(params (string Name, byte[] Content)[] entries)
    {
        File.Delete(_folder["f.pt"]);
        using var zip = ZipFile.Open(_folder["f.pt"], ZipArchiveMode.Create);
        foreach (var (name, content) in entries)
        {
            using var stream = zip.CreateEntry(name, CompressionLevel.NoCompression).Open();
            stream.Write(content);
        }

        return _folder["f.pt"];
    }

    /// <summary>As llm.c's train_gpt2.py writes it.</summary>
    public static void WriteLlmC(string file, int version, ModelConfig model, Dictionary<string, Tensor> weights, int padded)
    {
        using var stream = File.Create(file);
        var header = new int[256];
        int[] words = [20240326, version, model.ContextLength, model.VocabSize, model.NumLayers, model.NumHeads, model.ModelDim, padded];
        words.CopyTo(header, 0);
        stream.Write(MemoryMarshal.AsBytes<int>(header));
        void Write(Tensor tensor) => stream.Write(tensor.to(version == 3 ? ScalarType.Float32 : ScalarType.BFloat16).contiguous().bytes);
        Write(cat([weights["transformer.wte.weight"], zeros(padded - model.VocabSize, model.ModelDim)], 0));
        Write(weights["transformer.wpe.weight"]);
        foreach (var part in new[] { "ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj" })
        {
            foreach (var kind in new[] { "weight", "bias" })
            {
                for (var layer = 0; layer < model.NumLayers; layer++) Write(weights[$"transformer.h.{layer}.{part}.{kind}"]);
            }
        }

        Write(weights["transformer.ln_f.weight"]);
        Write(weights["transformer.ln_f.bias"]);
    }
}
