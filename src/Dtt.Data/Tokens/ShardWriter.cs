using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Dtt.Data.Tokens;

/// <summary>Writes one shard; the header comes last, so a file that was cut short is never taken for a whole one.</summary>
internal sealed class ShardWriter : IDisposable
{
    private readonly FileStream _stream;
    private readonly int _tokenBytes;
    private readonly byte[] _buffer = new byte[1 << 16];
    private int _used;

    public ShardWriter(string file, int tokenBytes)
    {
        _stream = new FileStream(file, FileMode.Create, FileAccess.ReadWrite, FileShare.None, 1);
        _tokenBytes = tokenBytes;
        _stream.Write(new byte[ShardHeader.Bytes]);
    }

    public long Tokens { get; private set; }

    public long Documents { get; private set; }

    public long TextBytes { get; private set; }

    /// <summary>Adds tokens as they are.</summary>
    public void Add(ReadOnlySpan<int> ids)
    {
        foreach (var id in ids) Add(id);
        Tokens += ids.Length;
    }

    /// <summary>Adds a document: its ids and the id that ends it.</summary>
    public void Add(ReadOnlySpan<int> ids, int endOfText, int textBytes)
    {
        foreach (var id in ids) Add(id);
        Add(endOfText);
        Tokens += ids.Length + 1;
        TextBytes += textBytes;
        Documents++;
    }

    /// <summary>Completes the file, makes it durable and gives its SHA-256.</summary>
    public string Finish()
    {
        Flush();
        _stream.Position = 0;
        _stream.Write(ShardHeader.Write(_tokenBytes, Tokens));
        _stream.Flush(flushToDisk: true);
        _stream.Position = 0;
        return Convert.ToHexStringLower(SHA256.HashData(_stream));
    }

    public void Dispose() => _stream.Dispose();

    private void Add(int id)
    {
        if (_used + 4 > _buffer.Length) Flush();
        if (_tokenBytes == 2) BinaryPrimitives.WriteUInt16LittleEndian(_buffer.AsSpan(_used), (ushort)id);
        else BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(_used), id);
        _used += _tokenBytes;
    }

    private void Flush()
    {
        _stream.Write(_buffer, 0, _used);
        _used = 0;
    }
}
