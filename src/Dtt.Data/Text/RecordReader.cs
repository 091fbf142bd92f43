using System.Text.Unicode;

namespace Dtt.Data.Text;

/// <summary>Documents of a file of records: one field of each, if there is anything in it.</summary>
internal abstract class RecordReader(TextSlice slice, int most) : DocumentReader(slice)
{
    private long _read;

    /// <summary>Bytes of the documents so far: where the text between records lies says nothing.</summary>
    public override long End => _read;

    public override DocumentOrigin Origin => new(Slice.File) { Record = Place };

    /// <summary>Bytes of the longest document.</summary>
    private protected int Most { get; } = most;

    /// <summary>Where the record is, for messages: <c>row 7</c>.</summary>
    private protected abstract string Place { get; }

    private protected override bool Next()
    {
        while (Slice.TextBytes is not { } end || _read < end)
        {
            if (!NextRecord()) return false;
            if (Document.Length >= Most) throw new BadDocumentException(TooLong($"{Slice.File}: {Place}", Most));
            if (!Utf8.IsValid(Document)) throw Wrong($"has a '{Field}' that is not UTF-8; write the file again with it in UTF-8");
            _read += Document.Length;
            if (!Document.IsEmpty) return true;
        }

        return false;
    }

    /// <summary>The name of the field that is read.</summary>
    private protected abstract string Field { get; }

    /// <summary>Goes to the next record, whose field becomes the document; false at the end.</summary>
    private protected abstract bool NextRecord();

    /// <summary>The error of a record.</summary>
    private protected BadDocumentException Wrong(string what) => new($"{Slice.File}: {Place} {what}.");
}
