using System.Text;
using System.Text.Json;
using Dtt.Core.Errors;
using Dtt.Data.Text;
using Dtt.Tests;

namespace Dtt.Data.Tests.Text;

public sealed class JsonLinesFuzzTests : IDisposable
{
    private static readonly Encoding _strict = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public Task Read_OfAnyDamage_GivesEveryDocumentThatAParserFinds_OrIsRefused() => Fuzz.RunAsync(3000, random =>
    {
        var lines = Enumerable.Range(0, 1 + random.Next(5))
            .Select(_ => JsonSerializer.Serialize(new { text = random.One(Fuzz.Odd), id = random.Next(9) }) + "\n");
        var bytes = random.Damage(Encoding.UTF8.GetBytes(string.Concat(lines)));
        File.WriteAllBytes(_folder["x.jsonl"], bytes);
        var expected = Parse(bytes);
        try
        {
            var documents = new List<string>();
            using (var reader = DocumentReader.Open(TextSlice.Of(_folder["x.jsonl"], PieceFormat.JsonLines, "text")))
            {
                while (reader.Read()) documents.Add(Encoding.UTF8.GetString(reader.Document));
            }

            Assert.Equal(expected, documents);
        }
        catch (BadDataException e)
        {
            Assert.Contains("x.jsonl", e.Message);
            Assert.Null(expected);
        }

        return Task.CompletedTask;
    });

    /// <summary>The texts as .NET's parser finds them; null when it refuses a line.</summary>
    private static List<string>? Parse(byte[] bytes)
    {
        try
        {
            var texts = new List<string>();
            foreach (var line in _strict.GetString(bytes).TrimStart('\uFEFF').Split('\n').Where(l => l.Trim(' ', '\t', '\r').Length > 0))
            {
                using var json = JsonDocument.Parse(line);
                var text = json.RootElement.GetProperty("text").GetString() ?? throw new FormatException();
                if (text.Length > 0) texts.Add(text);
            }

            return texts;
        }
        catch (Exception e) when (e is JsonException or DecoderFallbackException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }
}
