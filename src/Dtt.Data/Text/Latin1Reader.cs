using System.Text;
using Dtt.Core.Errors;

namespace Dtt.Data.Text;

/// <summary>
/// Bytes as characters of the same number, for a parser of characters whose marks are ASCII: its texts become the bytes again that stood in the file.
/// A byte order mark is dropped.
/// </summary>
internal sealed class Latin1Reader(string file, Stream stream) : TextReader
{
    private readonly byte[] _buffer = new byte[1 << 16];
    private int _next, _end;
    private bool _begun;

    public override int Peek() => _next < _end || Fill() ? _buffer[_next] : -1;

    public override int Read() => _next < _end || Fill() ? _buffer[_next++] : -1;

    /// <exception cref="BadDataException">The file is not of text in UTF-8, which its beginning tells, or its compressed data is damaged.</exception>
    public override int Read(char[] buffer, int index, int count) => Read(buffer.AsSpan(index, count));

    /// <exception cref="BadDataException">The file is not of text in UTF-8, which its beginning tells, or its compressed data is damaged.</exception>
    public override int Read(Span<char> buffer)
    {
        if (_next == _end && !Fill()) return 0;
        var count = Math.Min(buffer.Length, _end - _next);
        _ = Encoding.Latin1.GetChars(_buffer.AsSpan(_next, count), buffer);
        _next += count;
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) stream.Dispose();
        base.Dispose(disposing);
    }

    private bool Fill()
    {
        (_next, _end) = (0, stream.ReadAtLeast(_buffer, TextStart.Bytes, throwOnEndOfStream: false));
        if (!_begun)
        {
            var head = _buffer.AsSpan(0, Math.Min(_end, TextStart.Bytes));
            if (TextStart.WhatElse(head) is { } other) throw new BadDataException($"{file} {other}, and run the command again.");
            (_next, _begun) = (TextStart.MarkLength(head), true);
        }

        return _next < _end;
    }
}
