using System.Text.Unicode;
using Dtt.Core.Errors;

namespace Dtt.Data.Text;

/// <summary>Reads the documents of a slice of text, one after another.</summary>
public abstract class DocumentReader : IDisposable
{
    /// <summary>Bytes of the longest document.</summary>
    public const int MostBytes = 1 << 30;

    /// <summary>The document's text as UTF-8, never empty; valid until the next <see cref="Read"/>.</summary>
    public abstract ReadOnlySpan<byte> Document { get; }

    /// <summary>Where the text after the document starts: bytes from the start of the slice, decompressed.</summary>
    public abstract long End { get; }

    /// <summary>Goes to the next document; false at the end.</summary>
    /// <exception cref="BadDataException">The text is not UTF-8 or not of its format; says where.</exception>
    public abstract bool Read();

    /// <summary>Closes the file.</summary>
    public abstract void Dispose();

    /// <summary>Opens a slice.</summary>
    /// <param name="slice">The text.</param>
    /// <param name="most">Bytes of the longest document.</param>
    public static DocumentReader Open(TextSlice slice, int most = MostBytes)
    {
        var stream = TextStream.Open(slice.File);
        if (slice.Offset > 0 || slice.Length < slice.FileBytes) stream = new SliceStream(stream, slice.Offset, slice.Length);
        if (slice.TextBytes is { } text) stream = new SliceStream(stream, 0, text);
        return slice.Format == PieceFormat.JsonLines ? new JsonLinesReader(slice, stream, most) : new PlainTextReader(slice, stream, most);
    }

    /// <summary>The error of a line or document that is too long.</summary>
    private protected static BadDataException TooLong(string place, int most) =>
        new($"{place} is longer than {most:N0} bytes, which is more than a document may have; divide it.");

    /// <summary>Throws when a text is not UTF-8, with its place.</summary>
    private protected static void CheckUtf8(ReadOnlySpan<byte> text, TextSlice slice, long offset, long line)
    {
        if (Utf8.IsValid(text)) return;
        var at = 0;
        while (System.Text.Rune.DecodeFromUtf8(text[at..], out _, out var width) == System.Buffers.OperationStatus.Done) at += width;
        var place = slice.Offset == 0 ? $", line {line}" : "";
        throw new BadDataException($"{slice.File}: byte {slice.Offset + offset + at:N0} (0x{text[at]:X2}{place}) is not UTF-8. "
            + "Convert the file, for example with `iconv -f latin1 -t utf-8`, and run the command again.");
    }
}
