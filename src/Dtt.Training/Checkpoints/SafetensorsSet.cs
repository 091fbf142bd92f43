using System.Text.Json;
using Dtt.Core.Errors;
using Dtt.Core.Storage;
using static TorchSharp.torch;

namespace Dtt.Training.Checkpoints;

/// <summary>
/// The tensors of a foreign model's folder: <c>model.safetensors</c>, or where there is none the parts that <c>model.safetensors.index.json</c> names.
/// </summary>
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
            if (!File.Exists(path)) throw new BadDataException($"{path} is missing, and {Index} beside it names it.");
            using var stream = File.OpenRead(path);
            foreach (var (name, entry) in SafetensorsHeader.Read(path, stream).Tensors)
            {
                if (!set._tensors.TryAdd(name, (path, entry)))
                    throw new BadDataException($"'{name}' is in {set._tensors[name].Path} and again in {path}: parts of two models lie in one folder.");
            }
        }

        return set;
    }

    /// <summary>A tensor's shape.</summary>
    public IReadOnlyList<long> ShapeOf(string name) => _tensors[name].Entry.Shape;

    /// <summary>The file that holds a tensor.</summary>
    public string PathOf(string name) => _tensors[name].Path;

    /// <summary>A tensor as fp32.</summary>
    /// <exception cref="BadDataException">It is of a type that no model weight has.</exception>
    public Tensor Read(string name)
    {
        var (path, entry) = _tensors[name];
        var type = entry.Type switch
        {
            "F32" => ScalarType.Float32,
            "BF16" => ScalarType.BFloat16,
            "F16" => ScalarType.Float16,
            _ => throw new BadDataException($"{path}: '{name}' is {entry.Type}; DTT reads F32, BF16 and F16."),
        };
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        stream.Position = entry.Offset;
        var tensor = empty(entry.Shape, dtype: type);
        stream.ReadExactly(tensor.bytes);
        return tensor.to(ScalarType.Float32);
    }

    private static IReadOnlyList<string> Files(string folder)
    {
        var (single, index) = (Path.Combine(folder, Single), Path.Combine(folder, Index));
        if (File.Exists(single)) return [single];
        if (!File.Exists(index))
        {
            var pickled = File.Exists(Path.Combine(folder, "pytorch_model.bin"))
                ? "; a pytorch_model.bin can run code when it is read, so DTT does not: save the model again with safetensors" : "";
            throw new BadDataException($"there is no {Single} in {folder}{pickled}.");
        }

        using var json = JsonFile.ReadObject(index);
        if (!json.RootElement.TryGetProperty("weight_map", out var map) || map.ValueKind != JsonValueKind.Object
            || map.EnumerateObject().Any(w => w.Value.ValueKind != JsonValueKind.String))
        {
            throw new BadDataException($"{index} has no 'weight_map' that names the file of each weight: it is damaged. Put a whole file there.");
        }

        return [.. map.EnumerateObject().Select(w => w.Value.GetString()!).Distinct().Select(f => Path.Combine(folder, Path.GetFileName(f)))];
    }
}
