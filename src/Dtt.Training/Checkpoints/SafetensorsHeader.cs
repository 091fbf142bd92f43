using System.Buffers.Binary;
using System.Text.Json;
using Dtt.Core.Errors;

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
        try
        {
            var prefix = new byte[8];
            stream.ReadExactly(prefix);
            var length = BinaryPrimitives.ReadInt64LittleEndian(prefix);
            if (length is < 2 or > LargestHeader || length > stream.Length - 8)
                throw new BadDataException($"{path} is not a safetensors file: its header would have {length:N0} bytes.");
            var bytes = new byte[8 + length];
            prefix.CopyTo(bytes, 0);
            stream.ReadExactly(bytes.AsSpan(8));
            using var json = JsonDocument.Parse(bytes.AsMemory(8));
            var tensors = new Dictionary<string, SafetensorsEntry>(StringComparer.Ordinal);
            var end = 0L;
            long Offset(JsonProperty entry, int index) => entry.Value.GetProperty("data_offsets")[index].GetInt64();
            foreach (var entry in json.RootElement.EnumerateObject().Where(e => e.Name != "__metadata__").OrderBy(e => Offset(e, 0)))
            {
                var (start, stop) = (Offset(entry, 0), Offset(entry, 1));
                if (start != end) throw new BadDataException($"{path}: '{entry.Name}' starts at {start:N0}, not where the tensor before it ends ({end:N0}).");
                end = stop;
                var type = entry.Value.GetProperty("dtype").GetString()!;
                long[] shape = [.. entry.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())];
                tensors.Add(entry.Name, new SafetensorsEntry(type, shape, 8 + length + start, stop - start));
            }

            return 8 + length + end == stream.Length ? new SafetensorsHeader(bytes, tensors)
                : throw new BadDataException($"{path} has {stream.Length:N0} bytes, and its header describes {8 + length + end:N0}.");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or EndOfStreamException)
        {
            throw new BadDataException($"{path} has a damaged header: {e.Message}", e);
        }
    }
}

/// <summary>One tensor of a file.</summary>
/// <param name="Type">Its type as the format names it: <c>F32</c>, <c>BF16</c> …</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Offset">Its first byte in the file.</param>
/// <param name="SizeBytes">Its bytes.</param>
internal sealed record SafetensorsEntry(string Type, long[] Shape, long Offset, long SizeBytes)
{
    /// <summary>Number of values.</summary>
    public long Count => Shape.Aggregate(1L, (a, b) => a * b);
}
