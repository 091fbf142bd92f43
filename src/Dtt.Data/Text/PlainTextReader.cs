namespace Dtt.Data.Text;

/// <summary>Documents of plain text: a line each, a paragraph block each, or the whole file.</summary>
internal sealed class PlainTextReader(TextSlice slice, Stream stream, int most) : DocumentReader(slice)
{
    private readonly LineReader _lines = new(slice, stream, most);
    private byte[] _document = new byte[1 << 12];
    private int _length;
    private (long Number, long Offset) _first; // line of the document

    public override ReadOnlySpan<byte> Document => _document.AsSpan(0, _length);

    public override long End => _lines.End;

    public override DocumentOrigin Origin => _lines.OriginOf(_first.Number, _first.Offset);

    private protected override bool Next()
    {
        _length = 0;
        var (lines, bad) = (0, (string?)null);
        while (_lines.Read())
        {
            var line = _lines.Line;
            var blank = line.IndexOfAnyExcept((byte)' ', (byte)'\t') < 0 && !_lines.IsTooLong;
            if (blank && Slice.Format != PieceFormat.WholeFile)
            {
                if (lines == 0) continue;
                break;
            }

            if (lines == 0) _first = (_lines.Number, _lines.Offset);
            bad ??= Add(line, isFirst: lines++ == 0);
            if (Slice.Format == PieceFormat.Lines) break;
        }

        return bad is null ? _length > 0 : throw new BadDocumentException(bad);
    }

    public override void Dispose() => _lines.Dispose();

    /// <summary>Adds a line to the document; what is wrong with it, or null.</summary>
    private string? Add(ReadOnlySpan<byte> line, bool isFirst)
    {
        if (_lines.IsTooLong || line.Length >= most - _length) return TooLong($"{Slice.File}: the document at byte {Slice.Offset + _lines.Offset:N0}", most);
        if (NotUtf8(line, _lines.Offset, _lines.Number) is { } wrong) return wrong;
        if (!isFirst) Append("\n"u8);
        Append(line);
        return null;
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        if (_document.Length - _length < bytes.Length) Array.Resize(ref _document, (int)Math.Min(Array.MaxLength, 2L * (_length + bytes.Length)));
        bytes.CopyTo(_document.AsSpan(_length));
        _length += bytes.Length;
    }
}
