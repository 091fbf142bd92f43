namespace Dtt.Data.Text;

/// <summary>Documents of a <c>.txt</c> file: a line each, a paragraph block each, or the whole file.</summary>
internal sealed class PlainTextReader(Piece piece, Stream stream) : DocumentReader
{
    private readonly LineReader _lines = new(stream);
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
            if (_lines.Number == 1 && piece.Offset == 0 && line.StartsWith("\uFEFF"u8)) line = line[3..];
            var blank = line.IndexOfAnyExcept((byte)' ', (byte)'\t') < 0;
            if (blank && piece.Format != PieceFormat.WholeFile)
            {
                if (_length == 0) continue;
                break;
            }

            CheckUtf8(line, piece, _lines.Offset, _lines.Number);
            if (!firstLine) Append("\n"u8);
            firstLine = false;
            Append(line);
            if (piece.Format == PieceFormat.Lines) break;
        }

        return _length > 0;
    }

    public override void Dispose() => _lines.Dispose();

    private void Append(ReadOnlySpan<byte> bytes)
    {
        while (_document.Length - _length < bytes.Length) Array.Resize(ref _document, _document.Length * 2);
        bytes.CopyTo(_document.AsSpan(_length));
        _length += bytes.Length;
    }
}
