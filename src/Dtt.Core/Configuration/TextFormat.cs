using Dtt.Core.Storage;

namespace Dtt.Core.Configuration;

/// <summary>A kind of file with text, known by the end of its name.</summary>
/// <param name="Ending">How the name ends, in letters of either case; empty for a file that its first bytes tell.</param>
/// <param name="Kind">How documents stand in it.</param>
/// <param name="Compression">How it is compressed as a whole.</param>
public sealed record TextFormat(string Ending, TextKind Kind, TextCompression Compression)
{
    /// <summary>Every kind that is read.</summary>
    public static IReadOnlyList<TextFormat> All { get; } =
    [
        .. OfText(".txt", TextKind.Plain),
        .. OfText(".jsonl", TextKind.JsonLines),
        .. OfText(".ndjson", TextKind.JsonLines),
        new(".parquet", TextKind.Parquet, TextCompression.None),
        new(".arrow", TextKind.Arrow, TextCompression.None),
        new(".feather", TextKind.Arrow, TextCompression.None),
        .. OfText(".json", TextKind.JsonArray),
        .. OfText(".csv", TextKind.CommaSeparated),
        .. OfText(".tsv", TextKind.TabSeparated),
    ];

    /// <summary>The kinds in words, for messages.</summary>
    public const string Endings = ".txt, .jsonl, .ndjson, .json, .csv or .tsv (plain, .gz or .zst), .parquet, .arrow or .feather";

    /// <summary>The kind of a file by its name, or null when it is none of text.</summary>
    public static TextFormat? Of(string file) => All.FirstOrDefault(f => file.EndsWith(f.Ending, StringComparison.OrdinalIgnoreCase));

    /// <summary>The kind of a file by its name, or where that tells nothing by its first bytes; null when it is none of text.</summary>
    public static TextFormat? OfFile(string file) => Of(file) ?? OfContent(file);

    private static TextFormat? OfContent(string file)
    {
        // Pipes, sockets and devices have no length, and opening one may wait for ever.
        if (Path.HasExtension(file) || new FileInfo(FileSystem.RealPath(file) ?? file) is not { Exists: true, Length: > 0 }) return null;
        Span<byte> head = stackalloc byte[FileMagic.Bytes];
        head = head[..FileMagic.Read(file, head)];
        if (FileMagic.KindOf(head) is { } kind) return new TextFormat("", kind, TextCompression.None);
        return FileMagic.CompressionOf(head) is { } compression ? new TextFormat("", TextKind.Plain, compression) : null;
    }

    private static TextFormat[] OfText(string ending, TextKind kind) =>
    [
        new(ending, kind, TextCompression.None),
        new(ending + ".gz", kind, TextCompression.Gzip),
        new(ending + ".zst", kind, TextCompression.Zstandard),
    ];
}
