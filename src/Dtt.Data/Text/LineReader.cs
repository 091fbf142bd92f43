using Dtt.Core.Errors;

namespace Dtt.Data.Text;

/// <summary>Reads the lines of a slice without making strings; a byte order mark is dropped.</summary>
/// <param name="slice">Where the text is.</param>
/// <param name="stream">Its text.</param>
/// <param name="most">Bytes of the longest line that is held.</param>
internal sealed class LineReader(TextSlice slice, Stream stream, int most) : IDisposable
{
    private byte[] _buffer = new byte[Math.Min(most, 1 << 16)];
    private int _start, _end, _lineStart, _lineLength;
    private long _bufferOffset;
    private bool _begun, _atEnd;

    /// <summary>The line without its line end (<c>\n</c> or <c>\r\n</c>); valid until the next <see cref="Read"/>.</summary>
    public ReadOnlySpan<byte> Line => _buffer.AsSpan(_lineStart, _lineLength);

    /// <summary>Whether the line is longer than can be held; <see cref="Line"/> is then its end.</summary>
    public bool IsTooLong { get; private set; }

    /// <summary>The line's number in the slice, from 1.</summary>
    public long Number { get; private set; }

    /// <summary>Where the line starts in the stream, bytes.</summary>
    public long Offset { get; private set; }

    /// <summary>Where the next line starts in the stream, bytes.</summary>
    public long End => _bufferOffset + _start;

    /// <summary>Goes to the next line; false at the end.</summary>
    /// <exception cref="BadDataException">The file is not of text in UTF-8, which its beginning tells, or its compressed data is damaged.</exception>
    public bool Read()
    {
        if (!_begun) Begin();
        IsTooLong = false;
        var offset = End;
        var seen = 0; // bytes of the line that hold no line end
        while (true)
        {
            var feed = _buffer.AsSpan(_start + seen, _end - _start - seen).IndexOf((byte)'\n') is >= 0 and var next ? seen + next : -1;
            if (feed >= 0 || (_atEnd && (_start < _end || IsTooLong)))
            {
                var length = feed >= 0 ? feed : _end - _start;
                (_lineStart, _lineLength) = (_start, length > 0 && _buffer[_start + length - 1] == '\r' ? length - 1 : length);
                (Number, Offset) = (Number + 1, offset);
                _start += feed >= 0 ? length + 1 : length;
                return true;
            }

            if (_atEnd) return false;
            var read = Fill();
            seen = _end - _start - read;
        }
    }

    /// <summary>Where a line of the slice stands in its file.</summary>
    public DocumentOrigin OriginOf(long number, long offset) =>
        new(slice.File) { Line = slice.Offset == 0 ? number : null, Byte = slice.Offset + offset };

    public void Dispose() => stream.Dispose();

    private void Begin()
    {
        _begun = true;
        _end = stream.ReadAtLeast(_buffer, Math.Min(_buffer.Length, TextStart.Bytes), throwOnEndOfStream: false);
        if (slice.Offset > 0) return;
        var head = _buffer.AsSpan(0, Math.Min(_end, TextStart.Bytes));
        if (TextStart.WhatElse(head) is { } other) throw new BadDataException($"{slice.File} {other}, and run the command again.");
        _start = TextStart.MarkLength(head);
    }

    /// <summary>Reads on behind what is held of the line; how many bytes.</summary>
    private int Fill()
    {
        if (_start == 0 && _end == _buffer.Length && _buffer.Length == most) (IsTooLong, _start) = (true, _end);
        if (_start > 0) _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        (_bufferOffset, _end, _start) = (_bufferOffset + _start, _end - _start, 0);
        if (_end == _buffer.Length) Array.Resize(ref _buffer, (int)Math.Min(most, _buffer.Length * 2L));
        var read = stream.Read(_buffer, _end, _buffer.Length - _end);
        _end += read;
        _atEnd = read == 0;
        return read;
    }
}
