using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using Dtt.Core.Configuration;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Tests;
using Dtt.Training.Checkpoints;
using Dtt.Training.HuggingFace;
using TorchSharp;

namespace Dtt.Training.Tests.HuggingFace;

/// <summary>A copy of a reference folder that a test changes, and imports into a place of its own.</summary>
internal sealed class ForeignFolder : IDisposable
{
    private readonly TempFolder _folder = new();

    public ForeignFolder(string reference)
    {
        Directory.CreateDirectory(Path);
        foreach (var file in Directory.EnumerateFiles(System.IO.Path.Combine(AppContext.BaseDirectory, "reference", reference)))
            File.Copy(file, this[System.IO.Path.GetFileName(file)]);
    }

    public string Path => _folder["copy"];

    public string Runs => _folder["runs"];

    public string Tokenizers => _folder["tokenizers"];

    public string this[string file] => System.IO.Path.Combine(Path, file);

    public void Dispose() => _folder.Dispose();

    /// <summary>Changes a JSON file of the folder.</summary>
    public ForeignFolder With(string file, Action<JsonObject> change)
    {
        var json = JsonNode.Parse(File.ReadAllBytes(this[file]))!.AsObject();
        change(json);
        File.WriteAllText(this[file], json.ToJsonString());
        return this;
    }

    /// <summary>Sets keys of a JSON file, as an object's text; those of objects within are set one by one.</summary>
    public ForeignFolder Set(string file, string keys) => With(file, json => Merge(json, JsonNode.Parse(keys)!.AsObject()));

    /// <summary>Writes the weights again.</summary>
    public ForeignFolder WithWeights(Func<string, torch.Tensor, torch.Tensor?> change)
    {
        using var scope = torch.NewDisposeScope();
        var set = SafetensorsSet.Open(Path);
        var tensors = set.Names.Select(n => (n, Tensor: change(n, set.Read(n)))).Where(t => t.Tensor is not null).Select(t => (t.n, t.Tensor!)).ToList();
        File.Delete(this["model.safetensors"]);
        _ = Safetensors.Write(this["model.safetensors"], tensors);
        return this;
    }

    /// <summary>Replaces the header of the weights, whose first tensor is gone with it if it is shorter.</summary>
    public ForeignFolder WithHeader(Func<JsonObject, string> change)
    {
        var bytes = File.ReadAllBytes(this["model.safetensors"]);
        var length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        var header = Encoding.UTF8.GetBytes(change(JsonNode.Parse(bytes.AsSpan(8, length))!.AsObject()));
        var start = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(start, header.Length);
        File.WriteAllBytes(this["model.safetensors"], [.. start, .. header, .. bytes[(8 + length)..]]);
        return this;
    }

    public (RunConfig Config, CheckpointSource Checkpoint) Import(string name = "theirs")
    {
        var layout = new RunLayout(HuggingFaceImport.Read(new ImportSpec(Path, name, Runs, Tokenizers)).RunFolder);
        var run = RunFile.Read(layout);
        var (committed, request) = (run.Record!.Latest!, run.Request!);
        return (request.Config, CheckpointSource.Of(request, layout.Checkpoint(committed.FolderName), committed.ManifestSha256));
    }

    private static void Merge(JsonObject into, JsonObject from)
    {
        foreach (var (key, value) in from)
        {
            if (value is JsonObject inner && into[key] is JsonObject there) Merge(there, inner);
            else into[key] = value?.DeepClone();
        }
    }
}
