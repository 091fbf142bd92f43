using System.Buffers.Binary;
using System.Text.Json;
using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Training.Checkpoints;

/// <summary>The header of a safetensors file: what tensors it holds and where.</summary>
/// <param name="Bytes">The header as it lies in the file, its length before it.</param>
/// <param name="Tensors">By name, in the order of their bytes.</param>
internal sealed record SafetensorsHeader(byte[] Bytes, IReadOnlyDictionary<string, SafetensorsEntry> Tensors)
{
    private const long LargestHeader = 100L << 20;

    /// <summary>Reads the header at the start of a stream and checks that the file has the bytes that it describes, one tensor after another.</summary>
    /// <exception cref="BadDataException">The file is something else, damaged or cut short.</exception>
    public static SafetensorsHeader Read(string path, FileStream stream)
    {
        var prefix = new byte[8];
        var whole = stream.ReadAtLeast(prefix, prefix.Length, throwOnEndOfStream: false) == prefix.Length;
        var length = BinaryPrimitives.ReadInt64LittleEndian(prefix);
        if (!whole || length is < 2 or > LargestHeader || length > stream.Length - 8)
        {
            throw new BadDataException($"{path} is not a safetensors file, or is cut short: "
                + (whole ? $"its header would have {length:N0} bytes, and it has {stream.Length:N0}." : $"it has {stream.Length:N0} bytes."));
        }

        var bytes = new byte[8 + length];
        prefix.CopyTo(bytes, 0);
        stream.ReadExactly(bytes.AsSpan(8));
        using var json = JsonFile.Parse(bytes.AsMemory(8), $"{path}, header");
        var tensors = new Dictionary<string, SafetensorsEntry>(StringComparer.Ordinal);
        var end = 8 + length;
        foreach (var (name, entry) in json.RootElement.EnumerateObject().Where(e => e.Name != "__metadata__")
            .Select(e => (e.Name, Entry: SafetensorsEntry.Read(path, e, 8 + length))).OrderBy(e => e.Entry.Offset).ThenBy(e => e.Entry.SizeBytes))
        {
            if (entry.Offset != end)
            {
                throw new BadDataException($"{path}: '{name}' starts at byte {entry.Offset:N0}, and the tensor before it ends at {end:N0}: "
                    + "the header is damaged.");
            }

            end += entry.SizeBytes;
            tensors.Add(name, entry);
        }

        return end == stream.Length ? new SafetensorsHeader(bytes, tensors)
            : throw new BadDataException($"{path} has {stream.Length:N0} bytes, and its header describes {end:N0}: it is cut short or damaged.");
    }
}

/// <summary>One tensor of a file.</summary>
/// <param name="Type">Its type as the format names it: <c>F32</c>, <c>BF16</c> …</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Offset">Its first byte in the file.</param>
/// <param name="SizeBytes">Its bytes.</param>
internal sealed record SafetensorsEntry(string Type, long[] Shape, long Offset, long SizeBytes)
{
    private const long Largest = 1L << 60;

    /// <summary>Bytes of a value; 0: not of a type that DTT reads.</summary>
    public int ValueBytes => Type switch { "F32" => 4, "BF16" or "F16" => 2, _ => 0 };

    /// <summary>Reads an entry of a header.</summary>
    /// <param name="path">The file, for errors.</param>
    /// <param name="entry">The entry.</param>
    /// <param name="start">Where the file's tensors start.</param>
    /// <exception cref="BadDataException">It is not what the format says, or its shape and its bytes do not agree.</exception>
    public static SafetensorsEntry Read(string path, JsonProperty entry, long start)
    {
        var value = entry.Value;
        if (value.ValueKind != JsonValueKind.Object || !value.TryGetProperty("dtype", out var type) || type.ValueKind != JsonValueKind.String
            || Numbers(value, "shape") is not { } shape || Numbers(value, "data_offsets") is not [var from, var to] || from > to)
        {
            throw new BadDataException($"{path}: its header says {JsonFile.Shown(value)} of '{entry.Name}', and \"dtype\": TYPE, \"shape\": [SIZES], "
                + "\"data_offsets\": [START, END] was expected: it is damaged.");
        }

        var read = new SafetensorsEntry(type.GetString()!, shape, start + from, to - from);
        var expected = shape.Aggregate(1.0, (a, b) => a * b) * read.ValueBytes;
        return read.ValueBytes == 0 || expected == read.SizeBytes ? read
            : throw new BadDataException($"{path}: '{entry.Name}' has {read.SizeBytes:N0} bytes, and its shape makes {expected:N0}: the header is damaged.");
    }

    /// <summary>A list of whole numbers from 0, none beyond any file's size; null: it is something else.</summary>
    private static long[]? Numbers(JsonElement entry, string name)
    {
        if (!entry.TryGetProperty(name, out var list) || list.ValueKind != JsonValueKind.Array) return null;
        var numbers = new List<long>();
        foreach (var item in list.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt64(out var number) || number is < 0 or > Largest) return null;
            numbers.Add(number);
        }

        return [.. numbers];
    }
}
