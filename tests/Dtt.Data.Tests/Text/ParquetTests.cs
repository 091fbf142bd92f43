using Dtt.Core.Errors;
using Dtt.Data.Text;
using Dtt.Tests;
using ParquetSharp;
using ParquetSharp.Schema;
using Encoding = System.Text.Encoding;

namespace Dtt.Data.Tests.Text;

public sealed class ParquetTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Compression.Uncompressed, true)]
    [InlineData(Compression.Snappy, true)]
    [InlineData(Compression.Gzip, false)]
    [InlineData(Compression.Zstd, true)]
    [InlineData(Compression.Zstd, false)]
    [InlineData(Compression.Brotli, false)]
    [InlineData(Compression.Lz4, true)]
    public void Read_GivesTheDocumentsAndShardsOfTheSameTextAsJsonLines(Compression compression, bool dictionary)
    {
        var file = Write("x.parquet", [.. TextTables.Texts.Chunk(700)], "text", compression, dictionary);
        Assert.Equal(TextTables.Texts, TextTables.Read(_folder, file).Documents);
        Assert.Equal(TextTables.Shards(_folder, TextTables.JsonLines(_folder, TextTables.Texts)), TextTables.Shards(_folder, file));
    }

    [Theory]
    [InlineData("0000")]
    [InlineData("x.PARQUET")]
    [InlineData("x.txt")]
    [InlineData("x.jsonl.gz")]
    public void Read_WhateverTheName_InAFolderToo(string name)
    {
        Directory.CreateDirectory(_folder["text"]);
        var file = Write($"text/{name}", [["one", "two"], [], ["three"]]);
        Assert.Equal(["one", "two", "three"], TextTables.Read(_folder, file).Documents);
        Assert.Equal(["one", "two", "three"], TextTables.Read(_folder, _folder["text"]).Documents);
    }

    [Fact]
    public void Read_NullValues_AreBadDocuments_AndEmptyOnesNone()
    {
        var file = Write("x.parquet", [["one", "", "two"], ["three", null, "four", null]]);
        Assert.StartsWith($"{file}: row 2 of row group 1 has a null in 'text'. To leave out such documents, set 'on_bad_document: skip'",
            TextTables.Error(_folder, file));
        var (documents, skipped, _) = TextTables.Read(_folder, file, "on_bad_document: skip");
        Assert.Equal(["one", "two", "three", "four"], documents);
        Assert.Equal([$"{file}: row 2 of row group 1 has a null in 'text'.", $"{file}: row 4 of row group 1 has a null in 'text'."], skipped.List);
    }

    [Fact]
    public void Read_ATextThatIsNotUtf8OrTooLong_SaysTheRow()
    {
        var file = Write("x.parquet", [["one", "two", new string('x', 20)]], bytes: s => s == "two" ? [(byte)'a', 0xFF] : Encoding.UTF8.GetBytes(s));
        Assert.Contains("row 2 of row group 0 has a 'text' that is not UTF-8", TextTables.Error(_folder, file));
        using var reader = DocumentReader.Open(TextSlice.Of(file, PieceFormat.Parquet, "text") with { SkipBad = true }, most: 20);
        Assert.True(reader.Read());
        Assert.False(reader.Read());
        Assert.Contains("row 3 of row group 0 is longer than 20 bytes", reader.Skipped.List[1]);
    }

    [Fact]
    public void Read_TheColumn_IsTheNamedOneOrTheOnlyOneOfStrings()
    {
        var other = Write("only.parquet", [["one"]], "content");
        Assert.Equal(["one"], TextTables.Read(_folder, other).Documents);
        Assert.Equal(["one"], TextTables.Read(_folder, other, "text_field: content").Documents);
        Assert.Contains("only.parquet has no column 'body'. Set text_field in the dataset's configuration to the column that holds the text, "
            + "one of: id (Int64), content (String), meta.title (String), list.list.item (lists of String).",
            TextTables.Error(_folder, other, "text_field: body"));
        Assert.Equal(["title 0"], TextTables.Read(_folder, other, "text_field: meta.title").Documents);
        Assert.Contains("the column 'id' is of Int64, not of text", TextTables.Error(_folder, other, "text_field: id"));
        Assert.Contains("the column 'list.list.item' is of lists of String, not of text", TextTables.Error(_folder, other, "text_field: list.list.item"));
    }

    [Fact]
    public void Ndocs_TakesTheFirstRows_AndTheSameAgain()
    {
        var file = Write("x.parquet", [["one", "", null, "two"], ["three", "four"]]);
        const string More = "on_bad_document: skip\nndocs: ";
        foreach (var count in new[] { 1, 2, 3, 4, 9 })
            Assert.Equal(new[] { "one", "two", "three", "four" }.Take(count), TextTables.Read(_folder, file, More + count).Documents);
    }

    [Fact]
    public void Pieces_OfALargeFile_AreRowGroups_AndHoldTheSameDocuments()
    {
        var random = new Random(1);
        string Text() => string.Concat(Enumerable.Range(0, 2000).Select(_ => (char)('a' + random.Next(26))));
        var groups = Enumerable.Range(0, 11).Select(_ => Enumerable.Range(0, 800).Select(_ => Text()).ToArray()).ToArray();
        var file = Write("x.parquet", groups, compression: Compression.Zstd);
        var (documents, _, pieces) = TextTables.Read(_folder, file);
        Assert.Equal(groups.SelectMany(g => g), documents);
        Assert.InRange(pieces, 2, 4);
        File.CreateSymbolicLink(_folder["link.parquet"], file);
        Assert.Equal(pieces, TextTables.Read(_folder, _folder["link.parquet"]).Pieces);
        Assert.Equal(groups.SelectMany(g => g).Take(2000), TextTables.Read(_folder, file, "ndocs: 2000").Documents);
    }

    [Fact]
    public void Read_ALargeRowGroup_HoldsAPageAtATime()
    {
        var texts = Enumerable.Range(0, 4000).Select(i => new string((char)('a' + i % 26), 50_000)).ToArray();
        var file = Write("x.parquet", [texts], compression: Compression.Zstd, dictionary: false);
        using var reader = DocumentReader.Open(TextSlice.Of(file, PieceFormat.Parquet, "text"));
        var (most, bytes) = (0L, 0L);
        for (; reader.Read(); bytes += reader.Document.Length) most = Math.Max(most, MemoryPool.GetDefaultMemoryPool().BytesAllocated);
        Assert.Equal(200_000_000, bytes);
        Assert.InRange(most, 1, 32_000_000);
    }

    [Fact]
    public void Read_WhatIsNotParquet_SaysSo()
    {
        var file = Write("x.parquet", [["one"]]);
        var whole = File.ReadAllBytes(file);
        foreach (var (bytes, what) in new (byte[], string)[]
        {
            ("text"u8.ToArray(), ""), (whole[..^1], ""), (whole[..(whole.Length / 2)], ""), ([.. whole[..4], .. new byte[50]], ""),
            ([.. "PARE"u8, .. whole[4..^4], .. "PARE"u8], "encrypt"),
        })
        {
            File.WriteAllBytes(file, bytes);
            var error = TextTables.Error(_folder, file);
            Assert.StartsWith($"{file}: the Parquet file is damaged in its footer: ", error);
            Assert.Contains(what, error);
        }
    }

    [Fact]
    public Task Read_OfAnyDamage_GivesDocumentsOrIsRefused() => Fuzz.RunAsync(300, random =>
    {
        var compression = random.One([Compression.Uncompressed, Compression.Snappy, Compression.Gzip, Compression.Zstd]);
        var texts = Enumerable.Range(0, 2 + random.Next(3)).Select(_ => TextTables.Texts[random.Next(6)..(7 + random.Next(60))]).ToArray();
        var file = Write("x.parquet", texts, "text", compression, random.Next(2) == 0);
        var whole = File.ReadAllBytes(file);
        var bytes = random.Damage(whole);
        File.WriteAllBytes(file, bytes);
        try
        {
            var documents = new List<int>();
            using var reader = DocumentReader.Open(TextSlice.Of(file, TextContent.Of(file).FormatOf("lines"), "text"));
            while (reader.Read()) documents.Add(reader.Document.Length);
            if (bytes.SequenceEqual(whole)) Assert.Equal(texts.Sum(t => t.Length), documents.Count);
        }
        catch (BadDataException e)
        {
            Assert.Contains(file, e.Message);
            Assert.False(bytes.SequenceEqual(whole), e.Message);
        }

        return Task.CompletedTask;
    });

    private string Write(string name, string?[][] groups, string column = "text", Compression compression = Compression.Snappy, bool dictionary = true,
        Func<string, byte[]>? bytes = null)
    {
        using var schema = new GroupNode("schema", Repetition.Required,
        [
            new PrimitiveNode("id", Repetition.Required, LogicalType.None(), PhysicalType.Int64),
            new PrimitiveNode(column, Repetition.Optional, LogicalType.String(), PhysicalType.ByteArray),
            new GroupNode("meta", Repetition.Optional, [new PrimitiveNode("title", Repetition.Required, LogicalType.String(), PhysicalType.ByteArray)]),
            new GroupNode("list", Repetition.Optional,
                [new GroupNode("list", Repetition.Repeated, [new PrimitiveNode("item", Repetition.Optional, LogicalType.String(), PhysicalType.ByteArray)])],
                LogicalType.List()),
        ]);
        using var builder = new WriterPropertiesBuilder();
        builder.Compression(compression).EnablePageChecksum();
        if (!dictionary) builder.DisableDictionary();
        using var properties = builder.Build();
        using var writer = new ParquetFileWriter(_folder[name], schema, properties, null);
        foreach (var rows in groups)
        {
            using var group = writer.AppendRowGroup();
            using (var ids = (ColumnWriter<long>)group.NextColumn()) ids.WriteBatch([.. Enumerable.Range(0, rows.Length).Select(i => (long)i)]);
            Strings(group, rows, present: 1, bytes ?? Encoding.UTF8.GetBytes);
            Strings(group, [.. rows.Select((_, i) => $"title {i}")], present: 1, Encoding.UTF8.GetBytes);
            Strings(group, [.. rows.Select((_, i) => $"item {i}")], present: 3, Encoding.UTF8.GetBytes);
        }

        writer.Close();
        return _folder[name];
    }

    private static unsafe void Strings(RowGroupWriter group, string?[] texts, short present, Func<string, byte[]> bytes)
    {
        using var column = (ColumnWriter<ByteArray>)group.NextColumn();
        foreach (var text in texts)
        {
            fixed (byte* p = text is null ? [0] : bytes(text))
            {
                var value = new ByteArray((nint)p, text is null ? 0 : bytes(text).Length);
                column.WriteBatch(1, [text is null ? (short)0 : present], [0], text is null ? [] : [value]);
            }
        }
    }
}
