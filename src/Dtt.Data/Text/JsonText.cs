using System.Text.Json;
using Dtt.Core.Storage;

namespace Dtt.Data.Text;

/// <summary>The text field of JSON objects; of a field that stands twice, the last.</summary>
/// <param name="field">The field's name.</param>
internal sealed class JsonText(string field)
{
    /// <summary>Most levels of what stands beside the text.</summary>
    public const int MostLevels = 1000;

    private readonly byte[] _field = System.Text.Encoding.UTF8.GetBytes(field);
    private byte[] _text = new byte[1 << 12];
    private int _length;

    /// <summary>The text of the last object, UTF-8; valid until the next <see cref="Read"/>.</summary>
    public ReadOnlySpan<byte> Text => _text.AsSpan(0, _length);

    /// <summary>Reads an object; what is wrong with it, or null.</summary>
    public string? Read(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return Find(bytes) switch
            {
                null => "is not a JSON object",
                JsonTokenType.String => null,
                JsonTokenType.None => $"has no '{field}'; set text_field in the dataset's configuration to the field that holds the text",
                _ => $"has a '{field}' that is not a string",
            };
        }
        catch (JsonException e)
        {
            return $"is not one JSON object ({JsonFile.Reason(e)})";
        }
        catch (InvalidOperationException)
        {
            return $"has a '{field}' that is not valid Unicode"; // a lone surrogate in an escape: there is no UTF-8 for it
        }
    }

    /// <summary>What the field is, and its text; none when it is not there, null when there is no object.</summary>
    private JsonTokenType? Find(ReadOnlySpan<byte> bytes)
    {
        _length = 0;
        var found = JsonTokenType.None;
        var json = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = MostLevels });
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject) return null;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var wanted = json.ValueTextEquals(_field);
            _ = json.Read();
            if (wanted) found = json.TokenType;
            if (wanted && found == JsonTokenType.String)
            {
                if (_text.Length < json.ValueSpan.Length) _text = new byte[Math.Min(Array.MaxLength, json.ValueSpan.Length * 2L)];
                _length = json.CopyString(_text);
            }

            json.Skip();
        }

        _ = json.Read(); // throws when the bytes do not end with the object
        return found;
    }
}
