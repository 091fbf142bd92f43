using System.IO.Compression;
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
    [InlineData(".jsonl")]
    [InlineData(".jsonl.gz")]
    [InlineData(".jsonl.zst")]
    public void Read_JsonLines_TakesTheTextField(string ending)
    {
        var bytes = Encoding.UTF8.GetBytes("{\"id\": {\"text\": 1}, \"text\": \"one \\u00e9\\n\"}\n\n{\"text\": \"\"}\n{\"text\": \"two\", \"more\": []}\n");
        var file = _folder["x" + ending];
        using (var plain = File.Create(file))
        using (Stream packed = ending switch
        {
            ".jsonl.gz" => new GZipStream(plain, CompressionMode.Compress),
            ".jsonl.zst" => new ZstdSharp.CompressionStream(plain),
            _ => plain,
        })
            packed.Write(bytes);
        Assert.Equal(["one é\n", "two"], Read(file, PieceFormat.JsonLines));
    }

    [Theory]
    [InlineData("{\"text\": 1}", "line 1 has a 'text' that is not a string")]
    [InlineData("{\"text\": \"a\"}\n{\"body\": \"b\"}", "line 2 has no 'text'; set text_field")]
    [InlineData("{\"text\": \"a\"}\nnonsense", "line 2 is not JSON")]
    [InlineData("[1]", "line 1 is not a JSON object")]
    [InlineData("{\"text\": \"\\ud800\"}", "line 1 has a 'text' that is not valid Unicode")]
    public void Read_WrongJsonLine_SaysWhere(string content, string message)
    {
        var error = Assert.Throws<BadDataException>(() => Read("x.jsonl", content, PieceFormat.JsonLines));
        Assert.Contains("x.jsonl: " + message, error.Message);
    }

    [Fact]
    public void Read_DamagedCompression_SaysSo()
    {
        using (var gz = new GZipStream(File.Create(_folder["x.jsonl.gz"]), CompressionMode.Compress))
            gz.Write(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 5000).Select(i => $"{{\"text\": \"{i * 7919}\"}}\n"))));
        var bytes = File.ReadAllBytes(_folder["x.jsonl.gz"]);
        bytes[bytes.Length / 2] ^= 0xFF;
        File.WriteAllBytes(_folder["x.jsonl.gz"], bytes);
        Assert.Throws<BadDataException>(() => Read(_folder["x.jsonl.gz"], PieceFormat.JsonLines));
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
        Assert.Equal(pieces, plan.Count);
        var whole = plan[0] with { Offset = 0, Length = plan[0].FileBytes };
        Assert.Equal(ReadAll(whole), plan.SelectMany(ReadAll));
    }

    private List<string> Read(string name, string content, PieceFormat format) => Read(_folder.Write(name, content), format);

    private static List<string> Read(string file, PieceFormat format)
    {
        var bytes = new FileInfo(file).Length;
        return ReadAll(new Piece(0, file, 0, bytes, bytes, format, "text"));
    }

    private static List<string> ReadAll(Piece piece)
    {
        using var reader = DocumentReader.Open(piece);
        var documents = new List<string>();
        while (reader.Read()) documents.Add(Encoding.UTF8.GetString(reader.Document));
        return documents;
    }
}
