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
        return new TextContent(named?.Kind ?? TextKind.Plain, FileMagic.CompressionOf(head) ?? named?.Compression ?? TextCompression.None);
    }

    /// <summary>How the documents of the file are separated.</summary>
    /// <param name="documents">The dataset's <c>documents</c>.</param>
    public PieceFormat FormatOf(string documents) => Kind switch
    {
        TextKind.JsonLines => PieceFormat.JsonLines,
        TextKind.Parquet => PieceFormat.Parquet,
        _ when documents == "lines" => PieceFormat.Lines,
        _ when documents == "files" => PieceFormat.WholeFile,
        _ => PieceFormat.BlankLines,
    };
}
