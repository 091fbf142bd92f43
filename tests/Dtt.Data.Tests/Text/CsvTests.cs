using System.Data;
using System.IO.Compression;
using System.Text;
using Dtt.Core.Errors;
using Dtt.Data.Text;
using Dtt.Tests;
using Sylvan.Data.Csv;

namespace Dtt.Data.Tests.Text;

public sealed class CsvTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("x.csv", ',')]
    [InlineData("x.TSV", '\t')]
    [InlineData("x.csv.gz", ',')]
    public void Read_GivesTheDocumentsAndShardsOfTheSameTextAsJsonLines(string name, char delimiter)
    {
        using var table = new DataTable();
        foreach (var column in new[] { "id", "text", "other" }) table.Columns.Add(column, typeof(string));
        foreach (var (i, text) in TextTables.Texts.Index()) table.Rows.Add($"{i}", text, "a \"b\", c");
        using (var text = new StringWriter { NewLine = "\n" })
        {
            using (var writer = CsvDataWriter.Create(text, new CsvDataWriterOptions { Delimiter = delimiter, BufferSize = 1 << 20 }))
                writer.Write(table.CreateDataReader());
            Write(name, text.ToString());
        }

        Assert.Equal(TextTables.Texts, TextTables.Read(_folder, _folder[name]).Documents);
        Assert.Equal(TextTables.Shards(_folder, TextTables.JsonLines(_folder, TextTables.Texts)), TextTables.Shards(_folder, _folder[name]));
        Assert.Equal(TextTables.Texts.Take(700), TextTables.Read(_folder, _folder[name], "ndocs: 700").Documents);
    }

    [Fact]
    public void Read_ARowThatBeginsAsACommentDoesElsewhere_IsARow()
    {
        var file = Write("x.csv", "text,id\n# a heading,1\n#tag,2\n\"# quoted\",3\nlast,4\n");
        Assert.Equal(["# a heading", "#tag", "# quoted", "last"], TextTables.Read(_folder, file).Documents);
    }

    [Fact]
    public void Read_TheColumn_IsTheNamedOneOrTheOnlyOne()
    {
        var one = Write("one.csv", "größe\r\n\"one, \"\"x\"\"\r\n\r\ny\"\r\n\r\n\"\"\r\ntwo");
        Assert.Equal(["one, \"x\"\r\n\r\ny", "two"], TextTables.Read(_folder, one).Documents);
        Assert.Equal(["one, \"x\"\r\n\r\ny", "two"], TextTables.Read(_folder, one, "text_field: größe").Documents);
        var two = Write("two.tsv", "id\tbody\n1\tone\n");
        Assert.Equal(["one"], TextTables.Read(_folder, two, "text_field: body").Documents);
        Assert.Contains("two.tsv has no column 'text'. Set text_field in the dataset's configuration to the column that holds the text, one of: "
            + "id (text), body (text).", TextTables.Error(_folder, two));
        Assert.Contains("2 columns are called 'text'", TextTables.Error(_folder, Write("x.csv", "text,text\n1,2\n")));
        Assert.Contains("its first row names one column, 'id;text', which looks like several with ';' between them",
            TextTables.Error(_folder, Write("x.csv", "id;text\n1;one\n")));
    }

    [Theory]
    [InlineData("id,text\n1,\"a\n\nb\"\n2,\"c\n3,d\n", "the row at line 5 is not quoted as it should be: A quoted field at the end of the input ends")]
    [InlineData("id,text\n1,\"a\"b\n", "the row at line 2 is not quoted as it should be: A delimiter, newline or EOF was expected after a closing quote")]
    [InlineData("\"text\n1,2", "the row at line 1 is not quoted as it should be")]
    [InlineData("\"te\nxt\",id\na,1\n\"b", "the row at line 4 is not quoted as it should be")]
    [InlineData("\n", "x.csv begins with no row of names")]
    public void Read_WrongQuoting_SaysTheLine(string content, string message) =>
        Assert.Contains(message, TextTables.Error(_folder, Write("x.csv", content), $"text_field: {(content.Contains("te\nxt") ? "\"te\\nxt\"" : "text")}"));

    [Fact]
    public void Read_SkipsBadRows()
    {
        byte[] text = [.. "id,text\n1,one\n2\n3,\"a\nb\",c\n4,"u8, 0xFF, .. "\n5,two\n"u8];
        File.WriteAllBytes(_folder["x.csv"], text);
        var (documents, skipped, _) = TextTables.Read(_folder, _folder["x.csv"], "on_bad_document: skip");
        Assert.Equal(["one", "two"], documents);
        Assert.Equal(3, skipped.Count);
        Assert.Contains("the row at line 3 has 1 values, and the first row names 2", skipped.List[0]);
        Assert.Contains("the row at line 4 has 3 values, and the first row names 2", skipped.List[1]);
        Assert.Contains("the row at line 6 has a 'text' that is not UTF-8", skipped.List[2]);
    }

    [Fact]
    public void Read_Utf16_SaysSo() =>
        Assert.Contains("is text in UTF-16", TextTables.Error(_folder, Write("x.csv", "text\none\n", Encoding.Unicode)));

    [Theory]
    [InlineData(2000)]
    [InlineData(100_000)]
    public void Read_ARowThatIsTooLong_SaysTheLine(int most)
    {
        var file = Write("x.csv", $"text\none\n\"{new string('x', 2 * most)}\"\n");
        using var reader = DocumentReader.Open(TextSlice.Of(file, PieceFormat.CommaSeparated, "text"), most);
        Assert.True(reader.Read());
        Assert.Contains($"x.csv: the row at line 3 is longer than {most:N0} bytes", Assert.Throws<BadDataException>(() => reader.Read()).Message);
    }

    private string Write(string name, string text, Encoding? encoding = null)
    {
        encoding ??= Encoding.UTF8;
        using Stream file = File.Create(_folder[name]);
        using var packed = name.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionLevel.Fastest) : file;
        packed.Write([.. encoding.GetPreamble(), .. encoding.GetBytes(text)]);
        return _folder[name];
    }
}
