namespace Dtt.Data.Text;

/// <summary>Documents of JSON lines: the text field of each line's object.</summary>
internal sealed class JsonLinesReader(TextSlice slice, Stream stream, int most) : DocumentReader(slice)
{
    private readonly LineReader _lines = new(slice, stream, most);
    private readonly JsonText _json = new(slice.TextField);

    public override ReadOnlySpan<byte> Document => _json.Text;

    public override long End => _lines.End;

    public override DocumentOrigin Origin => _lines.OriginOf(_lines.Number, _lines.Offset);

    public override void Dispose() => _lines.Dispose();

    private protected override bool Next()
    {
        while (_lines.Read())
        {
            if (_lines.IsTooLong) throw new BadDocumentException(TooLong($"{Slice.File}: {Place}", most));
            if (_lines.Line.IndexOfAnyExcept((byte)' ', (byte)'\t') < 0) continue;
            if (NotUtf8(_lines.Line, _lines.Offset, _lines.Number) is { } notText) throw new BadDocumentException(notText);
            if (_json.Read(_lines.Line) is { } wrong) throw new BadDocumentException($"{Slice.File}: {Place} {wrong}.");
            if (!_json.Text.IsEmpty) return true;
        }

        return false;
    }

    private string Place => Slice.Offset == 0 ? $"line {_lines.Number}" : $"line at byte {Slice.Offset + _lines.Offset:N0}";
}
