using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Dtt.Core.Errors;

namespace Dtt.Core.Storage;

/// <summary>JSON files that other programs made: whatever is wrong with one is said with its place, and never a crash of the reader.</summary>
public static class JsonFile
{
    private static readonly JsonDocumentOptions _strict = new() { AllowDuplicateProperties = false };

    /// <summary>Reads a file that holds one object; a leading byte order mark is dropped.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="BadDataException">It cannot be read, or is not the UTF-8 JSON of an object with every key once.</exception>
    public static JsonDocument ReadObject(string path)
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadDataException($"{path} cannot be read: {e.Message.TrimEnd('.')}. Check its permissions and its disk.", e);
        }

        var text = bytes.AsMemory();
        return Parse(text.Span.StartsWith(Encoding.UTF8.Preamble) ? text[Encoding.UTF8.Preamble.Length..] : text, path);
    }

    /// <summary>Parses an object.</summary>
    /// <param name="text">UTF-8 without a byte order mark; must not change while the document is used.</param>
    /// <param name="source">What it is, for errors.</param>
    /// <exception cref="BadDataException">It is not the JSON of an object with every key once, or a text in it is not Unicode.</exception>
    public static JsonDocument Parse(ReadOnlyMemory<byte> text, string source)
    {
        RequireUnicode(text.Span, source);
        JsonDocument json;
        try
        {
            json = JsonDocument.Parse(text, _strict);
        }
        catch (JsonException e)
        {
            throw new BadDataException($"{Place(source, e)}: this is not whole JSON: {Reason(e)}. Put a whole file there.", e);
        }

        if (json.RootElement.ValueKind == JsonValueKind.Object) return json;
        using (json) throw new BadDataException($"{source} holds {Shown(json.RootElement)}, and an object ({{…}}) was expected.");
    }

    /// <summary>Where a parser found something wrong: <c>file:line:column</c>.</summary>
    public static string Place(string source, JsonException e) => e.LineNumber is { } line ? $"{source}:{line + 1}:{e.BytePositionInLine + 1}" : source;

    /// <summary>What a parser found wrong, without the place as it writes it, whose lines count from 0.</summary>
    public static string Reason(Exception e) => e.Message.Split(" LineNumber:")[0].Split(" Path:")[0].TrimEnd('.');

    /// <summary>A value as errors show it, on one line and not too long.</summary>
    public static string Shown(JsonElement value)
    {
        var text = value.GetRawText().ReplaceLineEndings(" ");
        return text.Length <= 60 ? text : text[..57] + "…";
    }

    /// <summary>Texts that are no Unicode would be found only when they are asked for, with an error that knows no place.</summary>
    private static void RequireUnicode(ReadOnlySpan<byte> text, string source)
    {
        if (!Utf8.IsValid(text))
        {
            var valid = 0;
            while (Rune.DecodeFromUtf8(text[valid..], out _, out var length) == System.Buffers.OperationStatus.Done) valid += length;
            throw new BadDataException($"{source}: the byte at offset {valid:N0} is not UTF-8. Put a whole file there.");
        }

        var reader = new Utf8JsonReader(text);
        try
        {
            while (reader.Read())
            {
                if (reader is { TokenType: JsonTokenType.PropertyName or JsonTokenType.String, ValueIsEscaped: true }) _ = reader.GetString();
            }
        }
        catch (JsonException)
        {
            // The parser says what is wrong, with the line.
        }
        catch (InvalidOperationException e)
        {
            throw new BadDataException($"{source}: the text at offset {reader.TokenStartIndex:N0} holds half a surrogate pair, which is no character.", e);
        }
    }
}
