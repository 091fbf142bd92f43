using System.Text;

namespace Dtt.Core.Configuration;

/// <summary>What the first bytes of a file tell of it, whatever its name.</summary>
public static class FileMagic
{
    /// <summary>How many of them it takes.</summary>
    public const int Bytes = 8;

    /// <summary>How many of JSON.</summary>
    public const int JsonBytes = 1 << 20;

    /// <summary>Reads the first bytes of a file; how many there are.</summary>
    public static int Read(string file, Span<byte> head)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 0);
        return stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
    }

    /// <summary>The format of tables that a file begins like; null for another.</summary>
    public static TextKind? KindOf(ReadOnlySpan<byte> head) =>
        head.StartsWith("PAR1"u8) || head.StartsWith("PARE"u8) ? TextKind.Parquet
        : head.StartsWith("ARROW1"u8) ? TextKind.Arrow
        : null;

    /// <summary>How documents stand in JSON that begins like this: an array of objects, or an object a line; null for neither.</summary>
    public static TextKind? JsonKindOf(ReadOnlySpan<byte> head)
    {
        var mark = Encoding.UTF8.Preamble;
        var text = (head.StartsWith(mark) ? head[mark.Length..] : head).TrimStart(" \t\r\n"u8);
        if (text is [(byte)'[', .. var inside]) return inside.TrimStart(" \t\r\n"u8) is [(byte)'{', ..] ? TextKind.JsonArray : null;
        if (text is not [(byte)'{', ..] || text.IndexOf((byte)'\n') is not (>= 0 and var feed)) return null;
        return text[..feed].TrimEnd(" \t\r"u8) is [.., (byte)'}'] && text[feed..].TrimStart(" \t\r\n"u8) is [(byte)'{', ..] ? TextKind.JsonLines : null;
    }

    /// <summary>The compression that a file begins like; null for another.</summary>
    public static TextCompression? CompressionOf(ReadOnlySpan<byte> head) => head switch
    {
        [0x1F, 0x8B, ..] => TextCompression.Gzip,
        [0x28, 0xB5, 0x2F, 0xFD, ..] or [>= 0x50 and <= 0x5F, 0x2A, 0x4D, 0x18, ..] => TextCompression.Zstandard,
        _ => null,
    };
}
