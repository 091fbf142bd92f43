using System.Buffers.Binary;
using System.Text;
using Dtt.Core.Errors;
using Dtt.Data.Text;

namespace Dtt.Data.Pickle;

/// <summary>
/// A zip file whose entries are not compressed, as <c>torch.save</c> writes them: each is a stretch of the file. Names are names, never paths; entries lie
/// within the file and not over each other.
/// </summary>
public sealed class StoredZip
{
    private const uint EndMark = 0x06054b50, WideEndMark = 0x06064b50, WideLocatorMark = 0x07064b50, EntryMark = 0x02014b50, LocalMark = 0x04034b50;
    private const int EndBytes = 22, WideLocatorBytes = 20, WideEndBytes = 56, EntryBytes = 46, LocalBytes = 30, LongestComment = ushort.MaxValue;
    private const int MostDirectoryBytes = 256 << 20;
    private readonly Dictionary<string, StoredEntry> _entries = new(StringComparer.Ordinal);
    private readonly string _path;

    private StoredZip(string path) => _path = path;

    /// <summary>The entries by name.</summary>
    public IReadOnlyDictionary<string, StoredEntry> Entries => _entries;

    /// <summary>Whether a file begins as a zip file does.</summary>
    public static bool IsOne(string path)
    {
        Span<byte> start = stackalloc byte[4];
        using var stream = File.OpenRead(path);
        return stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length
            && BinaryPrimitives.ReadUInt32LittleEndian(start) == LocalMark;
    }

    /// <summary>Reads a file's list of entries.</summary>
    /// <exception cref="BadDataException">It is no such file, damaged, or made to mislead.</exception>
    public static StoredZip Open(string path)
    {
        var zip = new StoredZip(path);
        using var stream = File.OpenRead(path);
        var (offset, bytes) = zip.FindDirectory(stream);
        var directory = zip.Read(stream, offset, bytes);
        for (var at = 0; at < directory.Length;) at += zip.ReadEntry(stream, directory.AsSpan(at), offset);
        var end = 0L;
        foreach (var (name, entry) in zip._entries.OrderBy(e => e.Value.Offset))
        {
            if (entry.Offset < end) throw zip.Wrong($"'{name}' lies over the entry before it");
            end = entry.Offset + entry.Bytes;
        }

        return zip;
    }

    /// <summary>An entry's bytes, which must have its checksum.</summary>
    /// <exception cref="BadDataException">It is larger than expected, or damaged.</exception>
    public byte[] ReadWhole(string name, long mostBytes)
    {
        var entry = _entries[name];
        if (entry.Bytes > mostBytes) throw Wrong($"'{name}' has {entry.Bytes:N0} bytes, and at most {mostBytes:N0} are read");
        Verify(name);
        using var stream = File.OpenRead(_path);
        return Read(stream, entry.Offset, entry.Bytes);
    }

    /// <summary>Compares an entry with its checksum.</summary>
    /// <exception cref="BadDataException">It is damaged.</exception>
    public void Verify(string name)
    {
        var entry = _entries[name];
        using var stream = File.OpenRead(_path);
        stream.Position = entry.Offset;
        var (buffer, crc) = (new byte[1 << 20], default(Crc32));
        for (var left = entry.Bytes; left > 0;)
        {
            var read = stream.Read(buffer, 0, (int)Math.Min(left, buffer.Length));
            if (read == 0) throw Wrong($"'{name}' ends before its {entry.Bytes:N0} bytes");
            crc.Add(buffer.AsSpan(0, read));
            left -= read;
        }

        if (crc.Value != entry.Crc) throw Wrong($"'{name}' does not have its checksum: the file is damaged");
    }

    private (long Offset, long Bytes) FindDirectory(FileStream stream)
    {
        var tail = Read(stream, Math.Max(0, stream.Length - EndBytes - LongestComment), Math.Min(stream.Length, EndBytes + LongestComment));
        var at = tail.Length - EndBytes;
        while (at >= 0 && BinaryPrimitives.ReadUInt32LittleEndian(tail.AsSpan(at)) != EndMark) at--;
        if (at < 0) throw Wrong("it has no end of a zip file: it is cut short, or something else");
        var end = tail.AsSpan(at);
        long bytes = BinaryPrimitives.ReadUInt32LittleEndian(end[12..]), offset = BinaryPrimitives.ReadUInt32LittleEndian(end[16..]);
        if (at >= WideLocatorBytes && tail.AsSpan(at - WideLocatorBytes) is var locator && BinaryPrimitives.ReadUInt32LittleEndian(locator) == WideLocatorMark)
        {
            var wide = Read(stream, BinaryPrimitives.ReadInt64LittleEndian(locator[8..]), WideEndBytes);
            if (BinaryPrimitives.ReadUInt32LittleEndian(wide) != WideEndMark) throw Wrong("its end points to something else than its list of entries");
            (bytes, offset) = (BinaryPrimitives.ReadInt64LittleEndian(wide.AsSpan(40)), BinaryPrimitives.ReadInt64LittleEndian(wide.AsSpan(48)));
        }

        return bytes is < 0 or > MostDirectoryBytes ? throw Wrong($"its list of entries would have {bytes:N0} bytes") : (offset, bytes);
    }

    private int ReadEntry(FileStream stream, ReadOnlySpan<byte> directory, long directoryOffset)
    {
        if (directory.Length < EntryBytes || BinaryPrimitives.ReadUInt32LittleEndian(directory) != EntryMark) throw Wrong("its list of entries is damaged");
        ushort Short(ReadOnlySpan<byte> from, int at) => BinaryPrimitives.ReadUInt16LittleEndian(from[at..]);
        int nameBytes = Short(directory, 28), extraBytes = Short(directory, 30), length = EntryBytes + nameBytes + extraBytes + Short(directory, 32);
        if (directory.Length < length) throw Wrong("its list of entries is damaged");
        var name = Encoding.UTF8.GetString(directory.Slice(EntryBytes, nameBytes));
        if (name.Split('/').Contains("..") || name.StartsWith('/') || name.AsSpan().IndexOfAny('\\', '\0', ':') >= 0)
            throw Wrong($"'{name}' is a name that leads out of a folder");
        if ((Short(directory, 8) & 1) != 0) throw Wrong($"'{name}' is encrypted");
        if (Short(directory, 10) != 0) throw Wrong($"'{name}' is compressed, and torch.save never does that");
        long packed = BinaryPrimitives.ReadUInt32LittleEndian(directory[20..]), bytes = BinaryPrimitives.ReadUInt32LittleEndian(directory[24..]);
        long local = BinaryPrimitives.ReadUInt32LittleEndian(directory[42..]);
        Widen(directory.Slice(EntryBytes + nameBytes, extraBytes), ref bytes, ref packed, ref local);
        if (packed != bytes) throw Wrong($"'{name}' has {packed:N0} bytes in one place of its entry and {bytes:N0} in another");
        var header = Read(stream, local, LocalBytes);
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != LocalMark) throw Wrong($"'{name}' does not begin where the list of entries says");
        var offset = local + LocalBytes + Short(header, 26) + Short(header, 28);
        if (bytes < 0 || offset > directoryOffset || bytes > directoryOffset - offset)
            throw Wrong($"'{name}' would have {bytes:N0} bytes, and reaches beyond the file's");
        var entry = new StoredEntry(offset, bytes, BinaryPrimitives.ReadUInt32LittleEndian(directory[16..]));
        if (!_entries.TryAdd(name, entry)) throw Wrong($"'{name}' is there twice");
        return length;
    }

    /// <summary>Sizes of 4 GiB and more stand in an extra field.</summary>
    private void Widen(ReadOnlySpan<byte> extra, ref long bytes, ref long packed, ref long local)
    {
        while (extra.Length >= 4)
        {
            var (id, size) = (BinaryPrimitives.ReadUInt16LittleEndian(extra), BinaryPrimitives.ReadUInt16LittleEndian(extra[2..]));
            if (extra.Length < 4 + size) throw Wrong("its list of entries is damaged");
            var wide = extra.Slice(4, size);
            if (id == 1)
            {
                if (bytes == uint.MaxValue) bytes = TakeWide(ref wide);
                if (packed == uint.MaxValue) packed = TakeWide(ref wide);
                if (local == uint.MaxValue) local = TakeWide(ref wide);
            }

            extra = extra[(4 + size)..];
        }
    }

    private long TakeWide(ref ReadOnlySpan<byte> wide)
    {
        if (wide.Length < 8) throw Wrong("its list of entries is damaged");
        var value = BinaryPrimitives.ReadInt64LittleEndian(wide);
        wide = wide[8..];
        return value;
    }

    private byte[] Read(FileStream stream, long offset, long bytes)
    {
        if (offset < 0 || bytes < 0 || offset > stream.Length || bytes > stream.Length - offset)
            throw Wrong("it points beyond its end: it is cut short or damaged");
        var read = new byte[bytes];
        stream.Position = offset;
        stream.ReadExactly(read);
        return read;
    }

    private BadDataException Wrong(string what) => new($"{_path}: {what}. Copy the file again, or save it again with torch.save.");
}
