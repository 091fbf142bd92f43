using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json;
using Dtt.Core.Errors;
using static TorchSharp.torch;

namespace Dtt.Training.Checkpoints;

/// <summary>
/// Safetensors files of fp32 tensors: eight bytes of header length, a JSON header of names, shapes and ranges, then the bytes. Nothing in
/// such a file can run code.
/// </summary>
internal static class Safetensors
{
    /// <summary>Writes tensors in name order and makes the file durable.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">Names and fp32 tensors.</param>
    /// <param name="afterFirst">Called when the first tensor is written.</param>
    /// <param name="metadata">A key and a value for the header's metadata.</param>
    /// <param name="atOnce">Whether cores are free to hash beside the writing.</param>
    /// <returns>The file's size and hash, and the hash of the tensors' bytes alone.</returns>
    public static (long Bytes, string Sha256, string TensorsSha256) Write(
        string path, IReadOnlyList<(string Name, Tensor Tensor)> tensors, Action? afterFirst = null, (string Key, string Value)? metadata = null,
        bool atOnce = false)
    {
        var ordered = tensors.OrderBy(t => t.Name, StringComparer.Ordinal).ToList();
        var header = Header(ordered, metadata);
        using var stream = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        var (file, content) = ("", "");
        SideBySide.Run(
            atOnce, // a core hashes about as fast as a disk writes
            () =>
            {
                stream.Write(header);
                ForEach(ordered, bytes =>
                {
                    stream.Write(bytes);
                    afterFirst?.Invoke();
                    afterFirst = null;
                });
                stream.Flush(flushToDisk: true);
            },
            () => file = Sha256(header, ordered),
            () => content = Sha256([], ordered));
        return (stream.Position, file, content);
    }

    private static string Sha256(byte[] first, List<(string Name, Tensor Tensor)> tensors)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(first);
        ForEach(tensors, hash.AppendData);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void ForEach(List<(string Name, Tensor Tensor)> tensors, Action<ReadOnlySpan<byte>> what)
    {
        foreach (var (_, tensor) in tensors)
        {
            using var scope = NewDisposeScope();
            what(tensor.detach().cpu().contiguous().bytes);
        }
    }

    /// <summary>Reads a file into tensors of the same names and shapes, and checks its size and hash.</summary>
    /// <param name="path">The file.</param>
    /// <param name="expected">Its size and hash.</param>
    /// <param name="tensors">Where each tensor goes.</param>
    /// <exception cref="BadDataException">The file is gone, damaged, or holds other tensors.</exception>
    public static void Read(string path, CheckpointFile expected, IReadOnlyDictionary<string, Tensor> tensors)
    {
        if (!File.Exists(path)) throw new BadDataException($"{path} is gone.");
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        if (stream.Length != expected.Bytes)
            throw new BadDataException($"{path} has {stream.Length:N0} bytes, and its manifest says {expected.Bytes:N0}: it is cut short or damaged.");
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var read = SafetensorsHeader.Read(path, stream);
        hash.AppendData(read.Bytes);
        var header = read.Tensors;
        if (header.Keys.Except(tensors.Keys).FirstOrDefault() is { } extra)
            throw new BadDataException($"{path} holds '{extra}', which this model does not have.");
        if (tensors.Keys.Except(header.Keys).FirstOrDefault() is { } missing)
            throw new BadDataException($"{path} holds no '{missing}', which this model has.");
        foreach (var (name, entry) in header.OrderBy(h => h.Value.Offset))
        {
            using var scope = NewDisposeScope();
            var target = tensors[name];
            if (entry.Type != "F32") throw new BadDataException($"{path}: '{name}' is {entry.Type}; DTT's checkpoints are F32.");
            if (!entry.Shape.SequenceEqual(target.shape))
            {
                throw new BadDataException($"{path}: '{name}' is ({string.Join(", ", entry.Shape)}), "
                    + $"and this model has ({string.Join(", ", target.shape)}).");
            }

            var staging = empty(entry.Shape, dtype: ScalarType.Float32);
            stream.ReadExactly(staging.bytes);
            hash.AppendData(staging.bytes);
            using var noGrad = no_grad();
            target.copy_(staging);
        }

        if (Convert.ToHexStringLower(hash.GetHashAndReset()) != expected.Sha256)
            throw new BadDataException($"{path} does not have the hash in its manifest: it is damaged.");
    }

    private static byte[] Header(List<(string Name, Tensor Tensor)> tensors, (string Key, string Value)? metadata)
    {
        using var memory = new MemoryStream();
        memory.Write(new byte[8]);
        using (var json = new Utf8JsonWriter(memory))
        {
            var offset = 0L;
            json.WriteStartObject();
            if (metadata is { } data)
            {
                json.WriteStartObject("__metadata__");
                json.WriteString(data.Key, data.Value);
                json.WriteEndObject();
            }

            foreach (var (name, tensor) in tensors)
            {
                if (tensor.dtype != ScalarType.Float32) throw new InvalidOperationException($"'{name}' is {tensor.dtype}; checkpoints hold fp32.");
                json.WriteStartObject(name);
                json.WriteString("dtype", "F32");
                json.WriteStartArray("shape");
                foreach (var d in tensor.shape) json.WriteNumberValue(d);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += tensor.numel() * 4);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        while (memory.Length % 8 != 0) memory.WriteByte((byte)' ');
        var header = memory.ToArray();
        BinaryPrimitives.WriteInt64LittleEndian(header, header.Length - 8);
        return header;
    }
}
