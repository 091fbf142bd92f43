using System.IO.Compression;
using System.Text.Unicode;
using Dtt.Core.Errors;

namespace Dtt.Data.Text;

/// <summary>Reads the documents of one piece of a dataset, one after another.</summary>
public abstract class DocumentReader : IDisposable
{
    /// <summary>The document's text as UTF-8, never empty; valid until the next <see cref="Read"/>.</summary>
    public abstract ReadOnlySpan<byte> Document { get; }

    /// <summary>Where the text after the document starts: bytes from the start of the piece, decompressed.</summary>
    public abstract long End { get; }

    /// <summary>Goes to the next document; false at the end.</summary>
    /// <exception cref="BadDataException">The text is not UTF-8 or not of its format; says where.</exception>
    public abstract bool Read();

    /// <summary>Closes the file.</summary>
    public abstract void Dispose();

    /// <summary>Opens a piece.</summary>
    public static DocumentReader Open(Piece piece)
    {
        Stream stream = new FileStream(piece.File, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        if (piece.Offset > 0 || piece.Length < piece.FileBytes) stream = new SliceStream(stream, piece.Offset, piece.Length);
        if (piece.File.EndsWith(".gz", StringComparison.Ordinal)) stream = new GZipStream(stream, CompressionMode.Decompress);
        else if (piece.File.EndsWith(".zst", StringComparison.Ordinal)) stream = new ZstdSharp.DecompressionStream(stream);
        if (piece.TextBytes is { } text) stream = new SliceStream(stream, 0, text);
        return piece.Format switch
        {
            PieceFormat.JsonLines => new JsonLinesReader(piece, stream),
            PieceFormat.Lines or PieceFormat.BlankLines or PieceFormat.WholeFile => new PlainTextReader(piece, stream),
            _ => throw new InvalidOperationException($"no reader for {piece.Format}"),
        };
    }

    /// <summary>Throws when a text is not UTF-8, with its place.</summary>
    private protected static void CheckUtf8(ReadOnlySpan<byte> text, Piece piece, long offset, long line)
    {
        if (Utf8.IsValid(text)) return;
        var at = 0;
        while (System.Text.Rune.DecodeFromUtf8(text[at..], out _, out var width) == System.Buffers.OperationStatus.Done) at += width;
        var place = piece.Offset == 0 ? $", line {line}" : "";
        throw new BadDataException($"{piece.File}: byte {piece.Offset + offset + at:N0} (0x{text[at]:X2}{place}) is not UTF-8. "
            + "Convert the file, for example with `iconv -f latin1 -t utf-8`, and run the command again.");
    }
}
