using System.Buffers.Binary;
using System.Text;

namespace Dtt.Training.Tests.Imports;

/// <summary>Writes the pickle of a dictionary as torch.save does, from the protocol's description.</summary>
internal sealed class TinyPickle
{
    private readonly List<byte> _bytes = [0x80, 2, (byte)'}', (byte)'('];

    /// <summary>A dictionary in it.</summary>
    public void Dictionary(string key, Action items)
    {
        Text(key);
        _bytes.AddRange("}("u8);
        items();
        _bytes.Add((byte)'u');
    }

    /// <summary>A number by its name.</summary>
    public void Item(string key, int value)
    {
        Text(key);
        Number(value);
    }

    /// <summary>A tensor of fp32 by its name.</summary>
    public void Tensor(string name, string storage, int values, int offset, int[] shape, int[] stride)
    {
        Text(name);
        _bytes.AddRange("ctorch._utils\n_rebuild_tensor_v2\n(("u8);
        Text("storage");
        _bytes.AddRange("ctorch\nFloatStorage\n"u8);
        Text(storage);
        Text("cpu");
        Number(values);
        _bytes.AddRange("tQ"u8);
        Number(offset);
        Numbers(shape);
        Numbers(stride);
        _bytes.Add(0x89);
        _bytes.AddRange("ccollections\nOrderedDict\n)RtR"u8);
    }

    /// <summary>All of it.</summary>
    public byte[] End() => [.. _bytes, (byte)'u', (byte)'.'];

    private void Numbers(int[] values)
    {
        _bytes.Add((byte)'(');
        foreach (var value in values) Number(value);
        _bytes.Add((byte)'t');
    }

    private void Number(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        _bytes.AddRange([(byte)'J', .. bytes]);
    }

    private void Text(string text)
    {
        var length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, Encoding.UTF8.GetByteCount(text));
        _bytes.AddRange([(byte)'X', .. length, .. Encoding.UTF8.GetBytes(text)]);
    }
}
