using System.Text.Json;
using Dtt.Core.Errors;

namespace Dtt.Data.Text;

/// <summary>Documents of a <c>.jsonl</c> file, plain or compressed: the text field of each line's object.</summary>
internal sealed class JsonLinesReader(Piece piece, Stream stream) : DocumentReader
{
    private readonly LineReader _lines = new(stream);
    private readonly byte[] _field = System.Text.Encoding.UTF8.GetBytes(piece.TextField);
    private byte[] _document = new byte[1 << 12];
    private int _length;

    public override ReadOnlySpan<byte> Document => _document.AsSpan(0, _length);

    public override long End => _lines.End;

    public override bool Read()
    {
        while (NextLine())
        {
            if (_lines.Line.IndexOfAnyExcept((byte)' ', (byte)'\t') < 0) continue;
            CheckUtf8(_lines.Line, piece, _lines.Offset, _lines.Number);
            try
            {
                ReadText(_lines.Line);
            }
            catch (JsonException e)
            {
                throw Wrong($"is not JSON ({e.Message})");
            }
            catch (InvalidOperationException)
            {
                // A lone surrogate in an escape: there is no UTF-8 for it.
                throw Wrong($"has a '{piece.TextField}' that is not valid Unicode");
            }

            if (_length > 0) return true;
        }

        return false;
    }

    public override void Dispose() => _lines.Dispose();

    private bool NextLine()
    {
        try
        {
            return _lines.Read();
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or ZstdSharp.ZstdException)
        {
            throw new BadDataException($"{piece.File}: its compressed data is damaged after line {_lines.Number} ({e.Message}). Download the file again.", e);
        }
    }

    private void ReadText(ReadOnlySpan<byte> line)
    {
        _length = 0;
        var json = new Utf8JsonReader(line);
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject) throw Wrong("is not a JSON object");
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var wanted = json.ValueTextEquals(_field);
            _ = json.Read();
            if (!wanted)
            {
                json.Skip();
                continue;
            }

            if (json.TokenType != JsonTokenType.String) throw Wrong($"has a '{piece.TextField}' that is not a string");
            if (_document.Length < json.ValueSpan.Length) _document = new byte[json.ValueSpan.Length * 2];
            _length = json.CopyString(_document);
            return;
        }

        throw Wrong($"has no '{piece.TextField}'; set text_field in the dataset's configuration to the field that holds the text");
    }

    private BadDataException Wrong(string what)
    {
        var line = piece.Offset == 0 ? $"{_lines.Number}" : $"at byte {piece.Offset + _lines.Offset:N0}";
        return new BadDataException($"{piece.File}: line {line} {what}.");
    }
}
