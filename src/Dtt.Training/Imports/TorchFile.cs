using Dtt.Core.Errors;
using Dtt.Data.Pickle;
using static TorchSharp.torch;

namespace Dtt.Training.Imports;

/// <summary>A file of <c>torch.save</c>: a zip with a pickle, <c>data.pkl</c>, and beside it the bytes of its tensors, <c>data/0</c> ….</summary>
internal sealed class TorchFile
{
    private const string Pickle = "data.pkl", Rebuild = "torch._utils._rebuild_tensor_v2", RebuildParameter = "torch._utils._rebuild_parameter";
    private const long MostPickleBytes = 64 << 20;
    private const int MostDimensions = 8;

    private static readonly Dictionary<string, (ScalarType Type, int Bytes)> _storages = new()
    {
        ["torch.FloatStorage"] = (ScalarType.Float32, 4),
        ["torch.HalfStorage"] = (ScalarType.Float16, 2),
        ["torch.BFloat16Storage"] = (ScalarType.BFloat16, 2),
        ["torch.DoubleStorage"] = (ScalarType.Float64, 8),
        ["torch.LongStorage"] = (ScalarType.Int64, 8),
        ["torch.IntStorage"] = (ScalarType.Int32, 4),
        ["torch.ShortStorage"] = (ScalarType.Int16, 2),
        ["torch.CharStorage"] = (ScalarType.Int8, 1),
        ["torch.ByteStorage"] = (ScalarType.Byte, 1),
        ["torch.BoolStorage"] = (ScalarType.Bool, 1),
    };

    private static readonly HashSet<string> _known =
        [.. _storages.Keys, Rebuild, RebuildParameter, "collections.OrderedDict", "torch.Size", "torch.device"];

    private readonly string _path;
    private readonly StoredZip _zip;
    private readonly string _root;
    private readonly HashSet<string> _verified = [];

    private TorchFile(string path, StoredZip zip, string root) => (_path, _zip, _root) = (path, zip, root);

    /// <summary>What was saved: dictionaries, lists, numbers, text, and the tensors that <see cref="AsTensor"/> knows.</summary>
    public object? Content { get; private init; }

    /// <summary>Opens a file.</summary>
    /// <exception cref="BadDataException">It is something else, damaged, or would do more than hold data.</exception>
    public static TorchFile Open(string path)
    {
        if (!StoredZip.IsOne(path))
        {
            throw new BadDataException($"{path} is no zip file of torch.save: it is cut short, something else, or as PyTorch wrote it before 1.6. Load it with "
                + "torch and save it again with torch.save.");
        }

        var zip = StoredZip.Open(path);
        if (zip.Entries.Keys.Where(n => n.EndsWith("/" + Pickle, StringComparison.Ordinal)).ToList() is not [var pickle])
            throw new BadDataException($"{path} has not one {Pickle} in it, as torch.save writes: it is something else.");
        var root = pickle[..^Pickle.Length];
        if (zip.Entries.ContainsKey(root + "byteorder")
            && System.Text.Encoding.ASCII.GetString(zip.ReadWhole(root + "byteorder", 16)).Trim() is not "little" and var order)
        {
            throw new BadDataException($"{path} was saved on a machine of another byte order ({order}); save it again on one like this.");
        }

        var content = PickleReader.Read(zip.ReadWhole(pickle, MostPickleBytes), $"{path}, {Pickle}", _known, takesReferences: true);
        return new TorchFile(path, zip, root) { Content = content };
    }

    /// <summary>A value that is a tensor of floating point, or null.</summary>
    /// <param name="name">What it is called, for errors.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="BadDataException">It is a tensor, and not all of it is there.</exception>
    public ForeignTensor? AsTensor(string name, object? value)
    {
        if (value is PickleObject { Constructor: RebuildParameter, Arguments: [var data, ..] }) value = data;
        if (value is not PickleObject { Constructor: Rebuild } made) return null;
        if (made.Arguments is not [PickleObject { Constructor: PickleObject.Persistent, Arguments: [object?[] storage] }, long offset, var size, var stride, ..]
            || storage is not ["storage", PickleName kind, string key, string, long count, ..] || !_storages.TryGetValue(kind.Name, out var type)
            || Numbers(size) is not { } shape || Numbers(stride) is not { } strides || strides.Length != shape.Length)
        {
            throw Wrong(name, "is not described as torch.save does it");
        }

        if (!_zip.Entries.TryGetValue($"{_root}data/{key}", out var entry)) throw Wrong(name, $"lies in 'data/{key}', which is not there");
        if (count < 0 || count > entry.Bytes / type.Bytes || count * type.Bytes != entry.Bytes)
            throw Wrong(name, $"lies in 'data/{key}', which should have {count:N0} values of {type.Bytes} bytes, and has {entry.Bytes:N0} bytes");
        var values = shape.Aggregate(1.0, (a, b) => a * b);
        if (offset < 0 || values > count - offset)
            throw Wrong(name, $"is ({string.Join(", ", shape)}) from value {offset:N0} of 'data/{key}' on, which has {count:N0}: it reaches beyond its end");
        if (!IsContiguous(shape, strides)) throw Wrong(name, "does not lie in one piece; save it again after .contiguous()");
        return new ForeignTensor(_path, name, shape, () => Read($"{_root}data/{key}", entry.Offset + offset * type.Bytes, shape, type.Type));
    }

    private Tensor Read(string entry, long at, long[] shape, ScalarType type)
    {
        if (_verified.Add(entry)) _zip.Verify(entry);
        using var stream = new FileStream(_path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        stream.Position = at;
        var tensor = empty(shape, dtype: type);
        stream.ReadExactly(tensor.bytes);
        return tensor;
    }

    private static bool IsContiguous(long[] shape, long[] strides)
    {
        var expected = 1L;
        for (var d = shape.Length - 1; d >= 0; d--)
        {
            if (shape[d] != 1 && strides[d] != expected) return false;
            expected *= shape[d];
        }

        return true;
    }

    /// <summary>The numbers of a shape; null: it is something else.</summary>
    private static long[]? Numbers(object? value)
    {
        if (value is PickleObject { Constructor: "torch.Size", Arguments: [var inner] }) value = inner;
        return value is object?[] { Length: <= MostDimensions } list && list.All(n => n is >= 0L) ? [.. list.Select(n => (long)n!)] : null;
    }

    private BadDataException Wrong(string name, string what) => new($"{_path}: '{name}' {what}. The file is damaged, or made to mislead.");
}
