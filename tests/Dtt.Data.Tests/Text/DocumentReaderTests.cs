using System.Text;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Data.Datasets;
using Dtt.Data.Text;
using Dtt.Tests;

namespace Dtt.Data.Tests.Text;

public sealed class DocumentReaderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(PieceFormat.Lines, new[] { "one", "two", "three" })]
    [InlineData(PieceFormat.BlankLines, new[] { "one\ntwo", "three" })]
    [InlineData(PieceFormat.WholeFile, new[] { "one\ntwo\n\n\nthree" })]
    public void Read_PlainText_CutsDocuments(PieceFormat format, string[] documents)
    {
        Assert.Equal(documents, Read("a.txt", "one\ntwo\n\n\nthree\n", format));
        Assert.Equal(documents, Read("b.txt", "\uFEFFone\r\ntwo\r\n\r\n\r\nthree", format));
    }

    [Theory]
    [InlineData("{\"text\": 1}", "line 1 has a 'text' that is not a string")]
    [InlineData("{\"text\": \"a\"}\n{\"body\": \"b\"}", "line 2 has no 'text'; set text_field")]
    [InlineData("{\"text\": \"a\"}\nnonsense", "line 2 is not one JSON object")]
    [InlineData("[1]", "line 1 is not a JSON object")]
    [InlineData("{\"text\": \"\\ud800\"}", "line 1 has a 'text' that is not valid Unicode")]
    [InlineData("{\"text\": \"one\"}{\"text\": \"two\"}", "line 1 is not one JSON object")]
    [InlineData("{\"text\": \"one\"}\n{\"text\": \"two\"} x", "line 2 is not one JSON object")]
    [InlineData("{\"text\": \"one\"", "line 1 is not one JSON object")]
    [InlineData("{\"text\": \"one\", \"score\": NaN}", "line 1 is not one JSON object")]
    [InlineData("{\"text\": \"one\", \"text\": null}", "line 1 has a 'text' that is not a string")]
    public void Read_WrongJsonLine_SaysWhere(string content, string message)
    {
        var error = Assert.Throws<BadDataException>(() => Read("x.jsonl", content, PieceFormat.JsonLines));
        Assert.Contains("x.jsonl: " + message, error.Message);
    }

    [Fact]
    public void Read_AFieldThatStandsTwice_IsItsLastValue() =>
        Assert.Equal(["two"], Read("x.jsonl", "{\"text\": 1, \"text\": \"one\", \"text\": \"two\", \"z\": [{}]} \n", PieceFormat.JsonLines));

    [Theory]
    [InlineData(PieceFormat.Lines, 10, "the document at byte 4")]
    [InlineData(PieceFormat.BlankLines, 10, "the document at byte 4")]
    [InlineData(PieceFormat.WholeFile, 70_000, "the document at byte 65,539")]
    [InlineData(PieceFormat.JsonLines, 10, "line 2")]
    [InlineData(PieceFormat.JsonLines, 66_000, "line 2")]
    public void Read_ALineOrDocumentThatIsTooLong_SaysWhere(PieceFormat format, int most, string place)
    {
        var first = format == PieceFormat.JsonLines ? "" : "abc";
        var rest = format == PieceFormat.WholeFile ? new string('x', most - 4466) + "\n" + new string('y', 10_000) : new string('x', 2 * most);
        var file = _folder.Write("long", $"{first}\n{rest}");
        using var reader = DocumentReader.Open(TextSlice.Of(file, format, "text"), most);
        if (format == PieceFormat.Lines) Assert.True(reader.Read());
        var error = Assert.Throws<BadDataException>(() => reader.Read());
        Assert.Contains($"{place} is longer than {most:N0} bytes", error.Message);
    }

    [Theory]
    [InlineData(PieceFormat.Lines, new[] { "one", "two", "three" }, new[] { "byte 4", "byte 11" })]
    [InlineData(PieceFormat.BlankLines, new[] { "three" }, new[] { "byte 4" })]
    [InlineData(PieceFormat.WholeFile, new string[0], new[] { "byte 4" })]
    public void Read_SkipsBadDocuments_OfPlainText(PieceFormat format, string[] documents, string[] skipped)
    {
        File.WriteAllBytes(_folder["x.txt"], [.. "one\n"u8, 0xFF, .. "x\ntwo\n"u8, 0xFE, .. "\n\nthree\n"u8]);
        AssertSkips("x.txt", format, documents, skipped);
    }

    [Fact]
    public void Read_SkipsBadDocuments_OfJsonLines()
    {
        _folder.Write("x.jsonl", "{\"text\": \"one\"}\n{\"text\": null}\n{\"text\": \"\\ud800\"}\nnonsense\n{}\n\n{\"text\": \"two\"}");
        AssertSkips("x.jsonl", PieceFormat.JsonLines, ["one", "two"], ["line 2 has", "line 3 has", "line 4 is not", "line 5 has no"]);
    }

    private void AssertSkips(string name, PieceFormat format, string[] documents, string[] skipped)
    {
        using var reader = new PieceReader(new Piece(0, [TextSlice.Of(_folder[name], format, "text") with { SkipBad = true }]));
        var read = new List<string>();
        while (reader.Read()) read.Add(Encoding.UTF8.GetString(reader.Document));
        Assert.Equal(documents, read);
        Assert.Equal(skipped.Length, reader.Skipped.Count);
        Assert.All(skipped.Zip(reader.Skipped.List), s => Assert.Contains($"{name}: {s.First}", s.Second));
        var error = Assert.Throws<BadDataException>(() => Read(_folder[name], format));
        Assert.EndsWith("To leave out such documents, set 'on_bad_document: skip' in the dataset's configuration.", error.Message);
    }

    [Fact]
    public void Read_NotUtf8_SaysTheByteAndTheLine()
    {
        File.WriteAllBytes(_folder["latin.txt"], [.. "first\nna"u8, 0xEF, .. "ve\n"u8]);
        var error = Assert.Throws<BadDataException>(() => Read(_folder["latin.txt"], PieceFormat.Lines));
        Assert.Contains("byte 8 (0xEF, line 2) is not UTF-8", error.Message);
        Assert.Contains("iconv", error.Message);
    }

    [Theory]
    [InlineData("lines", 3)]
    [InlineData("blank_lines", 3)]
    public void Pieces_OfALargeFile_HoldTheSameDocumentsAsTheWhole(string documents, int pieces)
    {
        using (var file = File.CreateText(_folder["large.txt"]))
        {
            var rest = documents == "blank_lines" ? "and more\n\n" : "";
            for (var i = 0; file.BaseStream.Length < 11_000_000; i++) file.Write($"document {i} {new string('x', i % 997)}\n{rest}");
        }

        var text = $"path: {_folder["large.txt"]}\ndocuments: {documents}";
        var config = DatasetConfig.From(new ConfigReader(DatasetKeys.All).ReadText(text, "test").Values, "test");
        var plan = PiecePlan.Of(RawDataset.Prepare(config, _folder["raw"]).Manifest, config);
        Assert.Equal(Enumerable.Range(0, pieces), plan.Select(p => p.Number));
        var whole = new Piece(0, [plan[0].Slices[0] with { Length = plan[0].Slices[0].FileBytes }]);
        Assert.Equal(ReadAll(whole), plan.SelectMany(ReadAll));
    }

    private List<string> Read(string name, string content, PieceFormat format) => Read(_folder.Write(name, content), format);

    private static List<string> Read(string file, PieceFormat format) => ReadAll(new Piece(0, [TextSlice.Of(file, format, "text")]));

    private static List<string> ReadAll(Piece piece)
    {
        using var reader = new PieceReader(piece);
        var documents = new List<string>();
        while (reader.Read()) documents.Add(Encoding.UTF8.GetString(reader.Document));
        return documents;
    }
}
