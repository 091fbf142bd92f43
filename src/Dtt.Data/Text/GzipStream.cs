using System.Buffers.Binary;
using System.IO.Compression;
using Dtt.Core.Errors;

namespace Dtt.Data.Text;

/// <summary>
/// A gzip file (RFC 1952), decompressed: every member to its trailer. A member without one, a wrong checksum, and anything but zeros behind the last
/// member are errors. (The framework's own GZipStream takes a file that was cut for one that ends, and whatever it does not know for the end.)
/// </summary>
internal sealed class GzipStream(FileStream file) : ReadOnlyStream
{
    private const int TrailerBytes = 8;
    private readonly Source _source = new(file);
    private DeflateStream? _member;
    private Crc32 _checksum;
    private uint _size;

    public override int Read(Span<byte> buffer)
    {
        while (_member is not null || NextMember())
        {
            var read = Inflate(buffer);
            if (read > 0 || buffer.IsEmpty) return read;
            EndMember();
        }

        return 0;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _member?.Dispose();
            file.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>Reads the header of the next member; false at the end of the file.</summary>
    private bool NextMember()
    {
        var first = file.ReadByte();
        var start = file.Position - 1;
        if (start > 0)
        {
            while (first == 0) first = file.ReadByte(); // padding
            start = file.Position - 1;
        }

        if (first < 0) return false;
        var header = new byte[10];
        header[0] = (byte)first;
        var read = 1 + file.ReadAtLeast(header.AsSpan(1), header.Length - 1, throwOnEndOfStream: false);
        if (read < 2 || header is not [0x1F, 0x8B, ..])
            throw Damaged(start, start == 0 ? "this is not gzip data" : "what follows the last member is not gzip data");
        if (read == header.Length && header[2] != 8) throw Damaged(start, $"its compression method {header[2]} is not known");
        var flags = header[3];
        var whole = read == header.Length;
        if ((flags & 4) != 0) whole = whole && file.ReadByte() is >= 0 and var low && file.ReadByte() is >= 0 and var high && Skip(low | high << 8);
        if ((flags & 8) != 0) whole = whole && SkipText();
        if ((flags & 16) != 0) whole = whole && SkipText();
        if ((flags & 2) != 0) whole = whole && Skip(2);
        if (!whole) throw Damaged(file.Position, "the file ends inside the header of a member");
        (_checksum, _size, _source.LastBytes) = (new Crc32(), 0, 0);
        _member = new DeflateStream(_source, CompressionMode.Decompress, leaveOpen: true);
        return true;
    }

    private int Inflate(Span<byte> buffer)
    {
        try
        {
            var read = _member!.Read(buffer);
            _checksum.Add(buffer[..read]);
            _size += (uint)read;
            return read;
        }
        catch (InvalidDataException e)
        {
            throw Damaged(file.Position, e.Message.TrimEnd('.'), e);
        }
    }

    /// <summary>
    /// Finds the trailer, which ends the member: the checksum and size of what was decompressed, and it lies in or right behind the bytes that were
    /// inflated last.
    /// </summary>
    private void EndMember()
    {
        _member!.Dispose();
        _member = null;
        Span<byte> trailer = stackalloc byte[TrailerBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(trailer, _checksum.Value);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[4..], _size);
        var from = file.Position - _source.LastBytes;
        var tail = new byte[_source.LastBytes + TrailerBytes];
        file.Position = from;
        var read = file.ReadAtLeast(tail, tail.Length, throwOnEndOfStream: false);
        var found = tail.AsSpan(0, read).IndexOf(trailer);
        if (found < 0)
            throw Damaged(from + read, from + read == file.Length ? "the file ends inside a member, or its checksum is wrong" : "a checksum is wrong");
        file.Position = from + found + TrailerBytes;
    }

    private bool Skip(int bytes)
    {
        while (bytes > 0 && file.ReadByte() >= 0) bytes--;
        return bytes == 0;
    }

    private bool SkipText()
    {
        int read;
        do read = file.ReadByte();
        while (read > 0);
        return read == 0;
    }

    private BadDataException Damaged(long offset, string what, Exception? inner = null) => TextStream.Damaged(file, offset, what, inner);

    /// <summary>The file as the inflater sees it, which remembers how much it gave last.</summary>
    private sealed class Source(FileStream file) : ReadOnlyStream
    {
        public int LastBytes { get; set; }

        public override int Read(Span<byte> buffer)
        {
            var read = file.Read(buffer);
            if (read > 0) LastBytes = read;
            return read;
        }
    }
}
