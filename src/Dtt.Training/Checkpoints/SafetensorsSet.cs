using System.Text.Json;
using Dtt.Core.Errors;
using static TorchSharp.torch;

namespace Dtt.Training.Checkpoints;

/// <summary>The tensors of a foreign model's folder: <c>model.safetensors</c>, or the parts that <c>model.safetensors.index.json</c> names.</summary>
internal sealed class SafetensorsSet
{
    private const string Single = "model.safetensors", Index = "model.safetensors.index.json";
    private readonly Dictionary<string, (string Path, SafetensorsEntry Entry)> _tensors = new(StringComparer.Ordinal);

    private SafetensorsSet() { }

    /// <summary>The tensors' names.</summary>
    public IReadOnlyCollection<string> Names => _tensors.Keys;

    /// <summary>Opens a folder's files.</summary>
    /// <exception cref="BadDataException">There are none, or one is damaged.</exception>
    public static SafetensorsSet Open(string folder)
    {
        var set = new SafetensorsSet();
        foreach (var path in Files(folder))
        {
            if (!File.Exists(path)) throw new BadDataException($"{path} is missing.");
            using var stream = File.OpenRead(path);
            foreach (var (name, entry) in SafetensorsHeader.Read(path, stream).Tensors) set._tensors[name] = (path, entry);
        }

        return set;
    }

    /// <summary>A tensor as fp32.</summary>
    /// <exception cref="BadDataException">It is of a type that no model weight has.</exception>
    public Tensor Read(string name)
    {
        var (path, entry) = _tensors[name];
        var (type, width) = entry.Type switch
        {
            "F32" => (ScalarType.Float32, 4),
            "BF16" => (ScalarType.BFloat16, 2),
            "F16" => (ScalarType.Float16, 2),
            _ => throw new BadDataException($"{path}: '{name}' is {entry.Type}; DTT reads F32, BF16 and F16."),
        };
        if (entry.SizeBytes != entry.Count * width)
            throw new BadDataException($"{path}: '{name}' has {entry.SizeBytes:N0} bytes, and its shape makes {entry.Count * width:N0}.");
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        stream.Position = entry.Offset;
        var tensor = empty(entry.Shape, dtype: type);
        stream.ReadExactly(tensor.bytes);
        return tensor.to(ScalarType.Float32);
    }

    private static IEnumerable<string> Files(string folder)
    {
        var index = Path.Combine(folder, Index);
        if (!File.Exists(index))
        {
            if (File.Exists(Path.Combine(folder, Single))) return [Path.Combine(folder, Single)];
            var pickled = File.Exists(Path.Combine(folder, "pytorch_model.bin"))
                ? "; a pytorch_model.bin can run code when it is read, so DTT does not: save the model again with safetensors" : "";
            throw new BadDataException($"there is no {Single} in {folder}{pickled}.");
        }

        using var json = JsonDocument.Parse(File.ReadAllBytes(index));
        return [.. json.RootElement.GetProperty("weight_map").EnumerateObject()
            .Select(w => w.Value.GetString()!).Distinct()
            .Select(f => Path.Combine(folder, Path.GetFileName(f)))];
    }
}
