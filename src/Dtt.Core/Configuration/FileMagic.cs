namespace Dtt.Core.Configuration;

/// <summary>What the first bytes of a file tell of it, whatever its name.</summary>
public static class FileMagic
{
    /// <summary>How many of them it takes.</summary>
    public const int Bytes = 8;

    /// <summary>Reads the first bytes of a file; how many there are.</summary>
    public static int Read(string file, Span<byte> head)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 0);
        return stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
    }

    /// <summary>The format of tables that a file begins like; null for another.</summary>
    public static TextKind? KindOf(ReadOnlySpan<byte> head) => head.StartsWith("PAR1"u8) || head.StartsWith("PARE"u8) ? TextKind.Parquet : null;

    /// <summary>The compression that a file begins like; null for another.</summary>
    public static TextCompression? CompressionOf(ReadOnlySpan<byte> head) => head switch
    {
        [0x1F, 0x8B, ..] => TextCompression.Gzip,
        [0x28, 0xB5, 0x2F, 0xFD, ..] or [>= 0x50 and <= 0x5F, 0x2A, 0x4D, 0x18, ..] => TextCompression.Zstandard,
        _ => null,
    };
}
