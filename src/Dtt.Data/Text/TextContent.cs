using Dtt.Core.Configuration;

namespace Dtt.Data.Text;

/// <summary>What a file holds: what its first bytes tell goes before its name.</summary>
/// <param name="Kind">How documents stand in it.</param>
/// <param name="Compression">How it is compressed as a whole.</param>
internal readonly record struct TextContent(TextKind Kind, TextCompression Compression)
{
    /// <summary>Looks at a file.</summary>
    public static TextContent Of(string file)
    {
        Span<byte> head = stackalloc byte[FileMagic.Bytes];
        head = head[..FileMagic.Read(file, head)];
        var named = TextFormat.Of(file);
        if (FileMagic.KindOf(head) is { } kind) return new TextContent(kind, TextCompression.None);
        var compression = CompressionOf(head, named);
        return new TextContent(named is null or { Kind: TextKind.JsonArray } ? KindOf(file, named is not null, compression) : named.Kind, compression);
    }

    /// <summary>How a file is compressed as a whole.</summary>
    public static TextCompression CompressionOf(string file)
    {
        Span<byte> head = stackalloc byte[FileMagic.Bytes];
        return CompressionOf(head[..FileMagic.Read(file, head)], TextFormat.Of(file));
    }

    private static TextCompression CompressionOf(ReadOnlySpan<byte> head, TextFormat? named) =>
        FileMagic.CompressionOf(head) ?? named?.Compression ?? TextCompression.None;

    /// <summary>The kind of JSON, or of text whose name tells nothing.</summary>
    private static TextKind KindOf(string file, bool isJson, TextCompression compression)
    {
        var bytes = new byte[FileMagic.JsonBytes];
        using var stream = TextStream.Open(file, compression);
        var head = bytes.AsSpan(0, stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false));
        if (FileMagic.JsonKindOf(head) is { } kind) return kind;
        if (!isJson) return TextKind.Plain;
        // A compressed .json has an object a line unless it looks otherwise.
        return compression == TextCompression.None || head is [(byte)'[', ..] ? TextKind.JsonArray : TextKind.JsonLines;
    }

    /// <summary>How the documents of the file are separated.</summary>
    /// <param name="documents">The dataset's <c>documents</c>.</param>
    public PieceFormat FormatOf(string documents) => Kind switch
    {
        TextKind.JsonLines => PieceFormat.JsonLines,
        TextKind.Parquet => PieceFormat.Parquet,
        TextKind.Arrow => PieceFormat.Arrow,
        TextKind.JsonArray => PieceFormat.JsonArray,
        TextKind.CommaSeparated => PieceFormat.CommaSeparated,
        TextKind.TabSeparated => PieceFormat.TabSeparated,
        _ when documents == "lines" => PieceFormat.Lines,
        _ when documents == "files" => PieceFormat.WholeFile,
        _ => PieceFormat.BlankLines,
    };
}
