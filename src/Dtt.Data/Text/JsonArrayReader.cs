using System.Text.Json;
using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Data.Text;

/// <summary>Documents of a JSON array: the text field of each of its objects. One object at a time is held.</summary>
internal sealed class JsonArrayReader(TextSlice slice, Stream stream, int most) : RecordReader(slice, most)
{
    private const string Expected = "an array of objects is expected, [{\"text\": \"…\"}, …], or an object a line";
    private static readonly JsonReaderState _start = new(new JsonReaderOptions { MaxDepth = JsonText.MostLevels });
    private readonly JsonText _json = new(slice.TextField);
    private byte[] _buffer = new byte[1 << 16];
    private int _next, _end;
    private long _bufferOffset, _number, _offset;
    private bool _begun, _finished;

    public override ReadOnlySpan<byte> Document => _json.Text;

    private protected override string Field => Slice.TextField;

    private protected override string Place => $"object {_number} at byte {_offset:N0}";

    public override void Dispose() => stream.Dispose();

    private protected override bool NextRecord()
    {
        if (_finished) return false;
        var separator = _begun ? Peek() : Begin();
        if (separator == ']') return Finish();
        if (_number > 0 && separator != ',') throw Damaged(separator < 0 ? "the file ends" : "a comma or ']' is missing", $"behind object {_number}");
        if (_number > 0) _next++;
        _ = Peek();
        (_number, _offset) = (_number + 1, _bufferOffset + _next);
        var length = ElementLength();
        _next += length;
        return _json.Read(_buffer.AsSpan(_next - length, length)) is { } wrong ? throw Wrong(wrong) : true;
    }

    /// <summary>Reads the beginning, and the bracket that opens the array; the byte behind it.</summary>
    private int Begin()
    {
        _begun = true;
        _ = Fill();
        var head = _buffer.AsSpan(0, Math.Min(_end, TextStart.Bytes));
        if (TextStart.WhatElse(head) is { } other) throw new BadDataException($"{Slice.File} {other}, and run the command again.");
        _next = TextStart.MarkLength(head);
        var first = Peek();
        if (first == '{') throw new BadDataException($"{Slice.File} holds one JSON object, where {Expected}.{Advice()}");
        if (first != '[') throw new BadDataException($"{Slice.File} does not begin like JSON with documents, where {Expected}.");
        _next++;
        return Peek();
    }

    /// <summary>Goes behind the bracket that closes the array, where nothing may follow.</summary>
    private bool Finish()
    {
        _next++;
        _finished = true;
        return Peek() < 0 ? false : throw Damaged("something follows the array", $"at byte {_bufferOffset + _next:N0}");
    }

    /// <summary>The next byte that is not white space; -1 at the end.</summary>
    private int Peek()
    {
        while (true)
        {
            var found = _buffer.AsSpan(_next, _end - _next).IndexOfAnyExcept(" \t\r\n"u8);
            _next = found < 0 ? _end : _next + found;
            if (found >= 0) return _buffer[_next];
            if (!Fill()) return -1;
        }
    }

    /// <summary>How long the value is that begins here; all of it is then held.</summary>
    private int ElementLength()
    {
        while (true)
        {
            try
            {
                var json = new Utf8JsonReader(_buffer.AsSpan(_next, _end - _next), isFinalBlock: false, _start);
                if (json.Read() && json.TrySkip()) return (int)json.BytesConsumed;
            }
            catch (JsonException e)
            {
                throw Damaged(JsonFile.Reason(e), $"in {Place}", e);
            }

            if (!Fill()) throw Damaged("the file ends", $"in {Place}");
        }
    }

    /// <summary>Reads on behind what is held, of which nothing is lost; false at the end.</summary>
    private bool Fill()
    {
        if (_next == 0 && _end >= Most) throw new BadDataException(TooLong($"{Slice.File}: {Place}", Most));
        _buffer.AsSpan(_next, _end - _next).CopyTo(_buffer);
        (_bufferOffset, _end, _next) = (_bufferOffset + _next, _end - _next, 0);
        if (_end == _buffer.Length) Array.Resize(ref _buffer, (int)Math.Min(Math.Max(Most, _end + 1L), _buffer.Length * 2L));
        var read = stream.ReadAtLeast(_buffer.AsSpan(_end), _buffer.Length - _end, throwOnEndOfStream: false);
        _end += read;
        return read > 0;
    }

    /// <summary>Where the documents of a wrapper may be.</summary>
    private string Advice()
    {
        var json = new Utf8JsonReader(_buffer.AsSpan(_next, _end - _next), isFinalBlock: false, _start);
        try
        {
            var field = "";
            while (json.Read())
            {
                if (json.TokenType == JsonTokenType.PropertyName) field = json.GetString();
                if (json.TokenType == JsonTokenType.StartArray && json.CurrentDepth == 1)
                    return $" If its field '{field}' has the documents, write them out with `jq -c '.[\"{field}\"][]'` into a .jsonl file.";
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return ""; // what is no JSON either gets no advice
        }

        return "";
    }

    private BadDataException Damaged(string what, string place, Exception? inner = null) =>
        new($"{Slice.File}: the JSON array is damaged {place}: {what}. Copy or download the file again.", inner);
}
