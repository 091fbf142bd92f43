using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Data.Datasets;
using Dtt.Data.Order;
using Dtt.Data.Tales;
using Dtt.Data.Text;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;
using Dtt.Tests;

namespace Dtt.Data.Tests.Tokens;

/// <summary>From every window back to the raw file: what stands at the place that is found is what the window holds.</summary>
public sealed class DocumentTrailTests : IDisposable
{
    private static readonly Vocabulary _vocabulary = new([]);
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("a.txt", "blank_lines", 300)]
    [InlineData("a.txt", "lines", 300)]
    [InlineData("a.txt.gz", "blank_lines", 300)]
    [InlineData("a.jsonl", "lines", 300)]
    [InlineData("a.jsonl.gz", "lines", 300)]
    [InlineData("large.txt", "blank_lines", 24_000)] // of several pieces, which begin within the file
    public void Find_LeadsFromEveryWindowToWhereItsDocumentsStand(string name, string documents, int tales)
    {
        var text = Text(name, documents, tales);
        var file = Write(name, text);
        var (index, manifest) = Tokenize(documents);
        Assert.Equal(tales > 10_000, index.Shards.Max(s => s.Piece) > 0);
        var found = Windows(index, manifest);
        Assert.True(found.Count > 500);
        foreach (var (document, bytes) in found)
        {
            var origin = document.Origin!;
            Assert.Equal(file, origin.File);
            var raw = text.AsSpan((int)origin.Byte!.Value);
            if (name.Contains("jsonl"))
            {
                using var json = JsonDocument.Parse(raw[..raw.IndexOf((byte)'\n')].ToArray());
                raw = Encoding.UTF8.GetBytes(json.RootElement.GetProperty("text").GetString()!);
            }

            Assert.True(raw[(int)document.TextFrom..].StartsWith(bytes), $"{origin} has another text");
            if (origin.Line is { } line) Assert.Equal(text.AsSpan(0, (int)origin.Byte!.Value).Count((byte)'\n') + 1, line);
            else Assert.True(tales > 10_000); // only a slice that does not begin with its file knows no line
        }
    }

    [Theory]
    [InlineData("a.json", "object ")]
    [InlineData("a.csv", "the row at line ")]
    public void Find_InRecords_NamesTheRecord(string name, string record)
    {
        var texts = Enumerable.Range(0, 40).Select(i => $"this is text number {i} of them").ToArray();
        var csv = "id,text\n" + string.Concat(texts.Select((t, i) => $"{i},{t}\n"));
        Write(name, Encoding.UTF8.GetBytes(name.EndsWith(".csv") ? csv : JsonSerializer.Serialize(texts.Select(t => new { text = t }))));
        var (index, manifest) = Tokenize("lines");
        var lines = Windows(index, manifest).Select(f => (f.Document.Origin!.Record!, Text: Encoding.UTF8.GetString(f.Bytes))).ToList();
        var (place, _) = lines.First(l => l.Text.Contains("number 7 "));
        Assert.StartsWith(record + (name.EndsWith(".csv") ? "9" : "8"), place);
    }

    [Fact]
    public void Find_InTextThatIsAnotherByNow_SaysSo()
    {
        var file = Write("a.txt", Text("a.txt", "blank_lines", 50));
        var (index, manifest) = Tokenize("blank_lines");
        File.WriteAllBytes(file, [.. File.ReadAllBytes(file).Select(b => b == (byte)'e' ? (byte)'a' : b)]);
        File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddHours(1));
        Assert.Contains($"{file} was changed after", Assert.Throws<BadDataException>(() => Windows(index, manifest)).Message);
        var other = manifest with { Files = [manifest.Files[0] with { Sha256 = new string('0', 64) }] };
        var error = Assert.Throws<BadDataException>(() => new DocumentTrail(_folder["tokens"], index, other));
        Assert.Contains("is not the one that the tokens were made of", error.Message);
    }

    [Fact]
    public void DocumentsOf_CountsDocumentsAndTheTextBeforeTheWindow()
    {
        Write("a.txt", Encoding.UTF8.GetBytes("one\ntwo\n" + new string('x', 100) + "\nend\n"));
        var (index, _) = Tokenize("lines", valFraction: 0);
        using var train = TokenShards.Open(_folder["tokens"], index, "train");
        var window = new long[12];
        train.Read(0, 50, window);
        var middle = Assert.Single(new WindowText(index, train, _vocabulary).DocumentsOf(0, 50, window));
        Assert.Equal((2, 0, 12, 42), (middle.Number, middle.From, middle.Tokens, middle.TextFrom)); // "one", "two" and their ends are 8 tokens
        train.Read(0, 2, window);
        var three = new WindowText(index, train, _vocabulary).DocumentsOf(0, 2, window);
        Assert.Equal([(0, 0, 2, 2), (1, 2, 4, 0), (2, 6, 6, 0)], three.Select(d => (d.Number, d.From, d.Tokens, d.TextFrom)));
        train.Read(0, 3, window); // as with `pack: bos`: the end before a document's text
        var begun = new WindowText(index, train, _vocabulary).DocumentsOf(0, 3, window);
        Assert.Equal([(1, 1, 4, 0), (2, 5, 7, 0)], begun.Select(d => (d.Number, d.From, d.Tokens, d.TextFrom)));
    }

    [Fact]
    public void DocumentsOf_WindowsInTheOrderOfTheShard_ReadsItOnce_AndAnyOrderGivesTheSame()
    {
        Write("a.txt", Text("a.txt", "lines", 200));
        var (index, _) = Tokenize("lines", valFraction: 0);
        using var train = TokenShards.Open(_folder["tokens"], index, "train");
        var offsets = Enumerable.Range(0, 300).Select(i => (long)i * (train.Lengths[0] - 60) / 300).ToArray();
        List<string> Documents(IEnumerable<long> order, Func<WindowText> text) => [.. order.Select(offset =>
        {
            var window = new long[60];
            train.Read(0, offset, window);
            return (offset, Found: string.Join(' ', text().DocumentsOf(0, offset, window).Select(d => $"{d.Number} {d.From} {d.Tokens} {d.TextFrom}")));
        }).OrderBy(f => f.offset).Select(f => f.Found)];
        WindowText Fresh() => new(index, train, _vocabulary);
        var (alone, ordered, shuffled) = (Documents(offsets, Fresh), Fresh(), Fresh());
        Assert.Equal(alone, Documents(offsets, () => ordered));
        Assert.Equal(alone, Documents(offsets.OrderBy(o => o * 7919 % 1009), () => shuffled));

        // What is before a window that was found is not read again: other tokens there by now are not noticed.
        var text = Fresh();
        var half = Documents([offsets[100]], () => text);
        using (var file = File.OpenWrite(Path.Combine(_folder["tokens"], index.Shards[0].File)))
        {
            file.Position = ShardHeader.Bytes;
            for (var i = 0L; i < offsets[100]; i++) file.Write(BitConverter.GetBytes((ushort)_vocabulary.EndOfText));
        }

        Assert.Equal([alone[100]], half);
        Assert.Equal(alone[101..], Documents(offsets[101..], () => text));
    }

    [Fact]
    public void Find_WhereDuplicatesWereLeftOut_GoesPastThem()
    {
        Write("a.txt", "one\ntwo\none\nthree\n"u8.ToArray());
        Write("b.txt", "two\nfour\nthree\nfive\n"u8.ToArray());
        var (index, manifest) = Tokenize("lines", valFraction: 0, dedup: true);
        Assert.Equal(3, index.DroppedDuplicates);
        using var train = TokenShards.Open(_folder["tokens"], index, "train");
        var tokens = new long[train.Lengths[0]];
        train.Read(0, 0, tokens);
        var found = new DocumentTrail(_folder["tokens"], index, manifest).Find(new WindowText(index, train, _vocabulary).DocumentsOf(0, 0, tokens));
        Assert.Equal(
            [("a.txt", 1), ("a.txt", 2), ("a.txt", 4), ("b.txt", 2), ("b.txt", 4)], found.Select(d => (Path.GetFileName(d.Origin!.File), (int)d.Origin.Line!)));
    }

    private List<(WindowDocument Document, byte[] Bytes)> Windows(TokenIndex index, RawManifest manifest)
    {
        using var train = TokenShards.Open(_folder["tokens"], index, "train");
        var (windows, text, found) = (new WindowIndex(train.Lengths, 200, 0), new WindowText(index, train, _vocabulary), new List<(WindowDocument, byte[])>());
        var tokens = new long[201];
        for (var w = 0L; w < windows.Count; w += 1 + windows.Count / 1000)
        {
            var (shard, offset) = windows.Locate(w);
            train.Read(shard, offset, tokens);
            found.AddRange(text.DocumentsOf(shard, offset, tokens).Select(d => (d, text.Decode(tokens.AsSpan(d.From, d.Tokens)))));
        }

        var located = new DocumentTrail(_folder["tokens"], index, manifest).Find([.. found.Select(f => f.Item1)]);
        return [.. located.Zip(found, (d, f) => (d, f.Item2))];
    }

    private (TokenIndex Index, RawManifest Manifest) Tokenize(string documents, double valFraction = 0.1, bool dedup = false)
    {
        var config = new DatasetConfig
        {
            Source = "test.yaml",
            Path = _folder["text"],
            Builtin = null,
            GeneratedBytes = 0,
            Seed = 1,
            Documents = documents,
            TextField = "text",
            ShardTokens = 50_000,
            HubPath = null,
            DropsDuplicates = dedup,
        };
        var (manifest, _, _) = RawDataset.Prepare(config, _folder["raw"]);
        var source = TokenSource.Of(manifest, config, "bytes", _vocabulary, valFraction);
        return (DatasetEncoder.Encode(PiecePlan.Of(manifest, config), _folder["tokens"], source, _vocabulary), manifest);
    }

    private static byte[] Text(string name, string documents, int tales)
    {
        var (generator, text) = (new TaleGenerator(5), new StringBuilder());
        for (var i = 0; i < tales; i++)
        {
            var tale = generator.Tell(i);
            if (name.Contains("jsonl")) text.Append(JsonSerializer.Serialize(new { id = i, text = tale })).Append('\n');
            else text.Append(documents == "lines" ? tale.ReplaceLineEndings(" ") + "\n" : tale + "\n\n");
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private string Write(string name, byte[] text)
    {
        var file = _folder.Write($"text/{name}", "");
        using var stream = File.Create(file);
        using var target = name.EndsWith(".gz") ? new GZipStream(stream, CompressionLevel.Fastest) : (Stream)stream;
        target.Write(text);
        return file;
    }
}
