using Dtt.Core.Errors;

namespace Dtt.Data.Text;

/// <summary>Reads the documents of a piece, one after another, with one file open at a time.</summary>
public sealed class PieceReader(Piece piece) : IDisposable
{
    private DocumentReader? _slice;
    private int _next;

    /// <summary>The document's text as UTF-8, never empty; valid until the next <see cref="Read"/>.</summary>
    public ReadOnlySpan<byte> Document => _slice!.Document;

    /// <summary>Where the document stands.</summary>
    public DocumentOrigin Origin => _slice!.Origin;

    /// <summary>The documents so far that could not be read and were left out.</summary>
    public SkippedDocuments Skipped { get; private set; } = SkippedDocuments.None;

    /// <summary>Goes to the next document; false at the end.</summary>
    /// <exception cref="BadDataException">The text is not UTF-8 or not of its format; says where.</exception>
    public bool Read()
    {
        while (true)
        {
            if (_slice is not null && _slice.Read()) return true;
            if (_slice is not null) Skipped = Skipped.With(_slice.Skipped);
            _slice?.Dispose();
            _slice = null;
            if (_next == piece.Slices.Count) return false;
            _slice = DocumentReader.Open(piece.Slices[_next++]);
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _slice?.Dispose();
}
