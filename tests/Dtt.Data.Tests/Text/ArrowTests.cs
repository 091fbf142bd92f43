using Apache.Arrow;
using Apache.Arrow.Compression;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;
using Dtt.Core.Errors;
using Dtt.Data.Text;
using Dtt.Tests;

namespace Dtt.Data.Tests.Text;

public sealed class ArrowTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("x.arrow", "stream", "string", null)]
    [InlineData("x.arrow", "file", "string", CompressionCodecType.Zstd)]
    [InlineData("x.feather", "file", "string", CompressionCodecType.Lz4Frame)]
    [InlineData("0000", "file", "large_string", null)]
    [InlineData("x.txt", "file", "string_view", null)]
    public void Read_GivesTheDocumentsAndShardsOfTheSameTextAsJsonLines(string name, string form, string type, CompressionCodecType? codec)
    {
        var file = Write(name, [.. TextTables.Texts.Chunk(700)], form, type, codec);
        Assert.Equal(TextTables.Texts, TextTables.Read(_folder, file).Documents);
        Assert.Equal(TextTables.Shards(_folder, TextTables.JsonLines(_folder, TextTables.Texts)), TextTables.Shards(_folder, file));
        Assert.Equal(TextTables.Texts.Take(900), TextTables.Read(_folder, file, "ndocs: 900").Documents);
    }

    [Fact]
    public void Read_AFolderOfSaveToDisk()
    {
        Write("saved/train/data-00000-of-00002.arrow", [["one"], ["two"]]);
        Write("saved/train/data-00001-of-00002.arrow", [["three"]]);
        _folder.Write("saved/train/state.json", """{"_data_files": [{"filename": "data-00000-of-00002.arrow"}, {"filename": "data-00001-of-00002.arrow"}]}""");
        _folder.Write("saved/train/dataset_info.json", "{\n  \"features\": {\n    \"text\": {\"dtype\": \"string\"}\n  }\n}");
        _folder.Write("saved/dataset_dict.json", """{"splits": ["train"]}""");
        Write("saved/train/cache-0123456789abcdef.arrow", [["cached"]]);
        Assert.Equal(["one", "two", "three"], TextTables.Read(_folder, _folder["saved"]).Documents);
        File.Delete(_folder["saved/train/data-00001-of-00002.arrow"]);
        Assert.Contains("state.json lists data-00001-of-00002.arrow, which is not there: the folder was not copied whole",
            TextTables.Error(_folder, _folder["saved"]));
    }

    [Fact]
    public void Read_NullValues_AreBadDocuments_AndEmptyOnesNone()
    {
        var file = Write("x.arrow", [["one", "", "two"], ["three", null, "four", null]]);
        Assert.StartsWith($"{file}: row 5 has a null in 'text'. To leave out such documents, set 'on_bad_document: skip'", TextTables.Error(_folder, file));
        var (documents, skipped, _) = TextTables.Read(_folder, file, "on_bad_document: skip");
        Assert.Equal(["one", "two", "three", "four"], documents);
        Assert.Equal([$"{file}: row 5 has a null in 'text'.", $"{file}: row 7 has a null in 'text'."], skipped.List);
    }

    [Fact]
    public void Read_TheColumn_IsTheNamedOneOrTheOnlyOneOfStrings()
    {
        var file = Write("x.arrow", [["one", null]], column: "content");
        Assert.Equal(["one"], TextTables.Read(_folder, file, "on_bad_document: skip").Documents);
        Assert.Equal(["title 0", "title 1"], TextTables.Read(_folder, file, "text_field: meta.title").Documents);
        Assert.Contains("x.arrow has no column 'body'. Set text_field in the dataset's configuration to the column that holds the text, "
            + "one of: id (int32), content (utf8), meta.title (utf8).", TextTables.Error(_folder, file, "text_field: body"));
        Assert.Contains("the column 'id' is of int32, not of text", TextTables.Error(_folder, file, "text_field: id"));
    }

    [Theory]
    [InlineData("stream")]
    [InlineData("file")]
    public void Read_CutOrOfAnotherKind_SaysSo(string form)
    {
        var file = Write("x.arrow", [.. Enumerable.Range(0, 3).Select(i => TextTables.Texts[(7 + i)..(50 + i)])], form);
        var whole = File.ReadAllBytes(file);
        foreach (var cut in new[] { 4, 12, 60, whole.Length / 2 })
        {
            File.WriteAllBytes(file, whole[..cut]);
            Assert.Contains($"{file}: the Arrow file is damaged in ", TextTables.Error(_folder, file));
        }
    }

    [Fact]
    public Task Read_OfAnyDamage_GivesDocumentsOrIsRefused() => Fuzz.RunAsync(300, random =>
    {
        var texts = Enumerable.Range(0, 1 + random.Next(3)).Select(_ => TextTables.Texts[random.Next(6)..(7 + random.Next(60))]).ToArray();
        var (form, type) = (random.One(["stream", "file"]), random.One(["string", "large_string", "string_view"]));
        var file = Write("x.arrow", texts, form, type, random.One<CompressionCodecType?>([null, CompressionCodecType.Zstd, CompressionCodecType.Lz4Frame]));
        var whole = File.ReadAllBytes(file);
        var bytes = random.Damage(whole);
        File.WriteAllBytes(file, bytes);
        try
        {
            var documents = 0;
            using var reader = DocumentReader.Open(TextSlice.Of(file, PieceFormat.Arrow, "text"));
            while (reader.Read()) documents += reader.Document.Length > 0 ? 1 : 0;
            if (bytes.SequenceEqual(whole)) Assert.Equal(texts.Sum(t => t.Length), documents);
        }
        catch (BadDataException e)
        {
            Assert.Contains(file, e.Message);
            Assert.False(bytes.SequenceEqual(whole), e.Message);
        }

        return Task.CompletedTask;
    });

    private string Write(string name, string?[][] batches, string form = "stream", string type = "string", CompressionCodecType? codec = null,
        string column = "text")
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_folder[name])!);
        using var stream = File.Create(_folder[name]);
        var meta = new StructType([new Field("title", StringType.Default, true)]);
        var schema = new Schema(
            [new Field("id", Int32Type.Default, false), new Field(column, Strings(type, []).Data.DataType, true), new Field("meta", meta, true)], null);
        var options = new IpcOptions { CompressionCodec = codec, CompressionCodecFactory = codec is null ? null : new CompressionCodecFactory() };
        using var writer = form == "file" ? new ArrowFileWriter(stream, schema, false, options) : new ArrowStreamWriter(stream, schema, false, options);
        foreach (var texts in batches)
        {
            var titles = Strings("string", [.. texts.Select((_, i) => $"title {i}")]);
            var ids = new Int32Array.Builder().AppendRange(Enumerable.Range(0, texts.Length)).Build();
            var structures = new StructArray(meta, texts.Length, [titles], ArrowBuffer.Empty);
            writer.WriteRecordBatch(new RecordBatch(schema, [ids, Strings(type, texts), structures], texts.Length));
        }

        writer.WriteEnd();
        return _folder[name];
    }

    private static IArrowArray Strings(string type, string?[] texts)
    {
        if (type == "string_view") return new StringViewArray.Builder().AppendRange(texts).Build();
        var strings = new StringArray.Builder().AppendRange(texts).Build();
        if (type == "string") return strings;
        var offsets = new ArrowBuffer.Builder<long>();
        for (var i = 0; i <= texts.Length; i++) offsets.Append(strings.ValueOffsets[i]);
        return new LargeStringArray(texts.Length, offsets.Build(), strings.ValueBuffer, strings.NullBitmapBuffer, strings.NullCount);
    }
}
