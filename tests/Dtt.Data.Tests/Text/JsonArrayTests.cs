using System.IO.Compression;
using System.Text.Json;
using Dtt.Core.Errors;
using Dtt.Data.Text;
using Dtt.Tests;

namespace Dtt.Data.Tests.Text;

public sealed class JsonArrayTests : IDisposable
{
    private static readonly JsonSerializerOptions _indented = new() { WriteIndented = true };
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("x.json", false)]
    [InlineData("x.json", true)]
    [InlineData("x.json.gz", true)]
    [InlineData("0000", true)]
    public void Read_GivesTheDocumentsAndShardsOfTheSameTextAsJsonLines(string name, bool indented)
    {
        var records = TextTables.Texts.Select((t, i) => new { id = i, text = t, meta = new { text = (string?)null, list = new[] { 1, 2 } } });
        var json = JsonSerializer.Serialize(records, indented ? _indented : null);
        var file = name == "x.json" ? _folder.Write(name, "\uFEFF \n" + json + "\n") : Packed(name, json);
        Assert.Equal(TextTables.Texts, TextTables.Read(_folder, file).Documents);
        Assert.Equal(TextTables.Shards(_folder, TextTables.JsonLines(_folder, TextTables.Texts)), TextTables.Shards(_folder, file));
        foreach (var count in new[] { 1, 700 })
            Assert.Equal(TextTables.Texts.Take(count), TextTables.Read(_folder, file, $"ndocs: {count}").Documents);
    }

    [Theory]
    [InlineData("x.json")]
    [InlineData("x.json.gz")]
    public void Read_LinesOfObjects_AreJsonLines(string name)
    {
        const string Lines = "{\"text\": \"one\"}\n{\"text\": \"two\"}\n";
        Assert.Equal(["one", "two"], TextTables.Read(_folder, name == "x.json" ? _folder.Write(name, Lines) : Packed(name, Lines)).Documents);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData(" [ ] \n")]
    public void Read_AnArrayOfNothing_HasNoDocuments(string json) => Assert.Empty(TextTables.Read(_folder, _folder.Write("x.json", json)).Documents);

    [Fact]
    public void Read_SkipsBadObjects()
    {
        var file = _folder.Write("x.json", """[{"text": "one"}, {"text": null}, 7, "x", [], {"text": "\ud800"}, {}, {"text": ""}, {"text": "two"}]""");
        var (documents, skipped, _) = TextTables.Read(_folder, file, "on_bad_document: skip");
        Assert.Equal(["one", "two"], documents);
        Assert.Equal(
            [
                $"{file}: object 2 at byte 18 has a 'text' that is not a string.", $"{file}: object 3 at byte 34 is not a JSON object.",
                $"{file}: object 4 at byte 37 is not a JSON object.", $"{file}: object 5 at byte 42 is not a JSON object.",
                $"{file}: object 6 at byte 46 has a 'text' that is not valid Unicode.",
                $"{file}: object 7 at byte 66 has no 'text'; set text_field in the dataset's configuration to the field that holds the text.",
            ],
            skipped.List);
    }

    [Theory]
    [InlineData("""{"text": "one"}""", "x.json holds one JSON object, where an array of objects is expected")]
    [InlineData("""{"type": "FeatureCollection", "features": [{"text": "one"}]}""", "If its field 'features' has the documents, write them out with `jq -c")]
    [InlineData("nonsense", "x.json does not begin like JSON with documents")]
    [InlineData("""[{"text": "one"}""", "the JSON array is damaged behind object 1: the file ends")]
    [InlineData("""[{"text": "one"}, {"text": "tw""", "the JSON array is damaged in object 2 at byte 18: the file ends")]
    [InlineData("""[{"text": "one"} {"text": "two"}]""", "the JSON array is damaged behind object 1: a comma or ']' is missing")]
    [InlineData("""[{"text": "one"}, ]""", "the JSON array is damaged in object 2 at byte 18: ")]
    [InlineData("""[{"text": "one"}, {"text": "two" "x"}]""", "the JSON array is damaged in object 2 at byte 18: ")]
    [InlineData("""[{"text": "one"}] {}""", "the JSON array is damaged at byte 18: something follows the array")]
    public void Read_AnythingElse_SaysWhere(string json, string message) =>
        Assert.Contains(message, TextTables.Error(_folder, _folder.Write("x.json", json), "on_bad_document: skip"));

    [Theory]
    [InlineData(100)]
    [InlineData(70_000)]
    public void Read_AnObjectThatIsTooLong_SaysWhere(int most)
    {
        var file = _folder.Write("x.json", $$"""[{"text": "one"}, {"text": "{{new string('x', 2 * most)}}"}]""");
        using var reader = DocumentReader.Open(TextSlice.Of(file, PieceFormat.JsonArray, "text"), most);
        Assert.True(reader.Read());
        Assert.Contains($"x.json: object 2 at byte 18 is longer than {most:N0} bytes", Assert.Throws<BadDataException>(() => reader.Read()).Message);
    }

    private string Packed(string name, string text)
    {
        using var packed = new StreamWriter(new GZipStream(File.Create(_folder[name]), CompressionLevel.Fastest));
        packed.Write(text);
        return _folder[name];
    }
}
