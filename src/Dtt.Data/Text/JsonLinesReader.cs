using System.Text.Json;
using Dtt.Core.Storage;

namespace Dtt.Data.Text;

/// <summary>Documents of JSON lines: the text field of each line's object; of a field that stands twice, the last.</summary>
internal sealed class JsonLinesReader(TextSlice slice, Stream stream, int most) : DocumentReader(slice)
{
    private const int MostLevels = 1000; // of what stands beside the text
    private readonly LineReader _lines = new(slice, stream, most);
    private readonly byte[] _field = System.Text.Encoding.UTF8.GetBytes(slice.TextField);
    private byte[] _document = new byte[1 << 12];
    private int _length;

    public override ReadOnlySpan<byte> Document => _document.AsSpan(0, _length);

    public override long End => _lines.End;

    public override void Dispose() => _lines.Dispose();

    private protected override bool Next()
    {
        while (_lines.Read())
        {
            if (_lines.IsTooLong) throw new BadDocumentException(TooLong($"{Slice.File}: {Place}", most));
            if (_lines.Line.IndexOfAnyExcept((byte)' ', (byte)'\t') < 0) continue;
            if (NotUtf8(_lines.Line, _lines.Offset, _lines.Number) is { } wrong) throw new BadDocumentException(wrong);
            try
            {
                ReadText(_lines.Line);
            }
            catch (JsonException e)
            {
                throw Wrong($"is not one JSON object ({JsonFile.Reason(e)})");
            }
            catch (InvalidOperationException)
            {
                // A lone surrogate in an escape: there is no UTF-8 for it.
                throw Wrong($"has a '{Slice.TextField}' that is not valid Unicode");
            }

            if (_length > 0) return true;
        }

        return false;
    }

    private string Place => Slice.Offset == 0 ? $"line {_lines.Number}" : $"line at byte {Slice.Offset + _lines.Offset:N0}";

    private void ReadText(ReadOnlySpan<byte> line)
    {
        _length = 0;
        var found = JsonTokenType.None;
        var json = new Utf8JsonReader(line, new JsonReaderOptions { MaxDepth = MostLevels });
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject) throw Wrong("is not a JSON object");
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var wanted = json.ValueTextEquals(_field);
            _ = json.Read();
            if (wanted) found = json.TokenType;
            if (wanted && found == JsonTokenType.String)
            {
                if (_document.Length < json.ValueSpan.Length) _document = new byte[Math.Min(Array.MaxLength, json.ValueSpan.Length * 2L)];
                _length = json.CopyString(_document);
            }

            json.Skip();
        }

        _ = json.Read(); // throws when the line does not end with the object
        if (found == JsonTokenType.None)
            throw Wrong($"has no '{Slice.TextField}'; set text_field in the dataset's configuration to the field that holds the text");
        if (found != JsonTokenType.String) throw Wrong($"has a '{Slice.TextField}' that is not a string");
    }

    private BadDocumentException Wrong(string what) => new($"{Slice.File}: {Place} {what}.");
}
