namespace Dtt.Data.Text;

/// <summary>Reads a stream line by line without making strings.</summary>
internal sealed class LineReader(Stream stream) : IDisposable
{
    private byte[] _buffer = new byte[1 << 16];
    private int _start, _end, _lineStart, _lineLength;
    private bool _atEnd;

    /// <summary>The line without its line end (<c>\n</c> or <c>\r\n</c>); valid until the next <see cref="Read"/>.</summary>
    public ReadOnlySpan<byte> Line => _buffer.AsSpan(_lineStart, _lineLength);

    /// <summary>The line's number, from 1.</summary>
    public long Number { get; private set; }

    /// <summary>Where the line starts in the stream, bytes.</summary>
    public long Offset { get; private set; }

    /// <summary>Where the next line starts in the stream, bytes.</summary>
    public long End => _bufferOffset + _start;

    private long _bufferOffset;

    /// <summary>Goes to the next line; false at the end.</summary>
    public bool Read()
    {
        while (true)
        {
            var feed = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            if (feed >= 0 || (_atEnd && _start < _end))
            {
                var length = feed >= 0 ? feed : _end - _start;
                (_lineStart, _lineLength) = (_start, length > 0 && _buffer[_start + length - 1] == '\r' ? length - 1 : length);
                (Number, Offset) = (Number + 1, _bufferOffset + _start);
                _start += feed >= 0 ? length + 1 : length;
                return true;
            }

            if (_atEnd) return false;
            Fill();
        }
    }

    public void Dispose() => stream.Dispose();

    private void Fill()
    {
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        (_bufferOffset, _end, _start) = (_bufferOffset + _start, _end - _start, 0);
        if (_end == _buffer.Length) Array.Resize(ref _buffer, _buffer.Length * 2);
        var read = stream.Read(_buffer, _end, _buffer.Length - _end);
        _end += read;
        _atEnd = read == 0;
    }
}
