using System.Text.Unicode;
using Dtt.Core.Errors;

namespace Dtt.Data.Text;

/// <summary>Reads the documents of a slice of text, one after another.</summary>
public abstract class DocumentReader : IDisposable
{
    private protected DocumentReader(TextSlice slice) => Slice = slice;

    /// <summary>Bytes of the longest document.</summary>
    public const int MostBytes = 1 << 30;

    /// <summary>The document's text as UTF-8, never empty; valid until the next <see cref="Read"/>.</summary>
    public abstract ReadOnlySpan<byte> Document { get; }

    /// <summary>Where the text after the document starts: bytes from the start of the slice, decompressed; of records, bytes of the documents so far.</summary>
    public abstract long End { get; }

    /// <summary>Where the document stands.</summary>
    public abstract DocumentOrigin Origin { get; }

    private protected TextSlice Slice { get; }

    /// <summary>The documents so far that could not be read and were left out.</summary>
    public SkippedDocuments Skipped { get; private set; } = SkippedDocuments.None;

    /// <summary>Goes to the next document; false at the end.</summary>
    /// <exception cref="BadDataException">The text is not UTF-8 or not of its format; says where.</exception>
    public bool Read()
    {
        while (true)
        {
            try
            {
                return Next();
            }
            catch (BadDocumentException e) when (Slice.SkipBad)
            {
                Skipped = Skipped.With(new SkippedDocuments { Count = 1, List = [e.Message] });
            }
            catch (BadDocumentException e)
            {
                throw new BadDataException($"{e.Message} To leave out such documents, set 'on_bad_document: skip' in the dataset's configuration.", e);
            }
        }
    }

    /// <summary>Goes to the next document; false at the end. After an exception it goes on behind the bad document.</summary>
    /// <exception cref="BadDocumentException">A document cannot be read.</exception>
    private protected abstract bool Next();

    /// <summary>Closes the file.</summary>
    public abstract void Dispose();

    /// <summary>Opens a slice.</summary>
    /// <param name="slice">The text.</param>
    /// <param name="most">Bytes of the longest document.</param>
    public static DocumentReader Open(TextSlice slice, int most = MostBytes)
    {
        if (slice.Format == PieceFormat.Parquet) return new ParquetTextReader(slice, most);
        if (slice.Format == PieceFormat.Arrow) return new ArrowTextReader(slice, most);
        var stream = TextStream.Open(slice.File);
        if (slice.Format == PieceFormat.JsonArray) return new JsonArrayReader(slice, stream, most);
        if (slice.Format is PieceFormat.CommaSeparated or PieceFormat.TabSeparated) return new CsvTextReader(slice, stream, most);
        if (slice.Offset > 0 || slice.Length < slice.FileBytes) stream = new SliceStream(stream, slice.Offset, slice.Length);
        if (slice.TextBytes is { } text) stream = new SliceStream(stream, 0, text);
        return slice.Format == PieceFormat.JsonLines ? new JsonLinesReader(slice, stream, most) : new PlainTextReader(slice, stream, most);
    }

    /// <summary>What is wrong with a line or document that is too long.</summary>
    private protected static string TooLong(string place, int most) =>
        $"{place} is longer than {most:N0} bytes, which is more than a document may have; divide it.";

    /// <summary>What is wrong with a text that is not UTF-8, with its place; null when it is.</summary>
    private protected string? NotUtf8(ReadOnlySpan<byte> text, long offset, long line)
    {
        if (Utf8.IsValid(text)) return null;
        var at = 0;
        while (System.Text.Rune.DecodeFromUtf8(text[at..], out _, out var width) == System.Buffers.OperationStatus.Done) at += width;
        var place = Slice.Offset == 0 ? $", line {line}" : "";
        return $"{Slice.File}: byte {Slice.Offset + offset + at:N0} (0x{text[at]:X2}{place}) is not UTF-8. "
            + "Convert the file, for example with `iconv -f latin1 -t utf-8`, and run the command again.";
    }
}
