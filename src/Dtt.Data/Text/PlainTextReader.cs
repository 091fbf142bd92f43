namespace Dtt.Data.Text;

/// <summary>Documents of plain text: a line each, a paragraph block each, or the whole file.</summary>
internal sealed class PlainTextReader(TextSlice slice, Stream stream, int most) : DocumentReader
{
    private readonly LineReader _lines = new(slice, stream, most);
    private byte[] _document = new byte[1 << 12];
    private int _length;

    public override ReadOnlySpan<byte> Document => _document.AsSpan(0, _length);

    public override long End => _lines.End;

    public override bool Read()
    {
        _length = 0;
        var firstLine = true;
        while (_lines.Read())
        {
            var line = _lines.Line;
            var blank = line.IndexOfAnyExcept((byte)' ', (byte)'\t') < 0 && !_lines.IsTooLong;
            if (blank && slice.Format != PieceFormat.WholeFile)
            {
                if (_length == 0) continue;
                break;
            }

            if (_lines.IsTooLong || line.Length >= most - _length) throw TooLong($"{slice.File}: the document at byte {slice.Offset + _lines.Offset:N0}", most);
            CheckUtf8(line, slice, _lines.Offset, _lines.Number);
            if (!firstLine) Append("\n"u8);
            firstLine = false;
            Append(line);
            if (slice.Format == PieceFormat.Lines) break;
        }

        return _length > 0;
    }

    public override void Dispose() => _lines.Dispose();

    private void Append(ReadOnlySpan<byte> bytes)
    {
        if (_document.Length - _length < bytes.Length) Array.Resize(ref _document, (int)Math.Min(Array.MaxLength, 2L * (_length + bytes.Length)));
        bytes.CopyTo(_document.AsSpan(_length));
        _length += bytes.Length;
    }
}
