using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Data.Datasets;
using Dtt.Data.Tales;
using Dtt.Data.Text;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;
using Dtt.Tests;

namespace Dtt.Data.Tests.Tokens;

public sealed class DatasetEncoderTests : IDisposable
{
    private static readonly string[] _tales = [.. Enumerable.Range(0, 400).Select(i => new TaleGenerator(2).Tell(i))];
    private static readonly Vocabulary _vocabulary = Train();
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Encode_ReadsBackAsTheDocumentsInOrder()
    {
        var index = DatasetEncoder.Encode(Pieces(4), _folder["tokens"], Source(), _vocabulary);
        var (train, val) = (Documents(index, "train"), Documents(index, "val"));
        Assert.Equal(_tales.Where(t => train.Contains(t)), train);
        Assert.Equal(_tales.Where(t => val.Contains(t)), val);
        Assert.Equal(_tales.Length, train.Count + val.Count);
        Assert.InRange(val.Count, 20, 70);
    }

    [Fact]
    public void Encode_ShardsHaveLlmCsHeaderAndTheirHash()
    {
        var index = DatasetEncoder.Encode(Pieces(2), _folder["tokens"], Source(), _vocabulary);
        foreach (var shard in index.Shards)
        {
            var bytes = File.ReadAllBytes(Path.Combine(_folder["tokens"], shard.File));
            int Word(int i) => BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(4 * i));
            Assert.Equal((20240520, 1, shard.Tokens), (Word(0), Word(1), (long)Word(2)));
            Assert.Equal(1024 + 2 * shard.Tokens, bytes.Length);
            Assert.All(bytes[12..1024], b => Assert.Equal(0, b));
            Assert.Equal(_vocabulary.EndOfText, BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(bytes.Length - 2)));
            Assert.Equal(shard.Sha256, Convert.ToHexStringLower(SHA256.HashData(bytes)));
        }
    }

    [Fact]
    public void Identity_IsOfTheTokens_NotOfTheFolder()
    {
        TokenIndex Encode(string folder, TokenSource source) => DatasetEncoder.Encode(Pieces(2), _folder[folder], source, _vocabulary);
        var one = Encode("one", Source());
        Assert.Equal((one.TokensOf("train"), one.TokensOf("val")), (one.Identity.TrainTokens, one.Identity.ValTokens));
        Assert.Equal(one.Identity, Encode("again", Source()).Identity);
        Assert.Equal(one.Identity, (one with { Shards = [.. one.Shards.Select(s => s with { File = "/elsewhere/" + s.File })] }).Identity);
        Assert.NotEqual(one.Identity, Encode("split", Source() with { SplitSeed = 5 }).Identity);
        Assert.NotEqual(one.Identity, Encode("shards", Source() with { ShardTokens = 5000 }).Identity);
        Assert.NotEqual(one.Identity, (one with { Source = Source() with { TokenizerSha256 = new string('0', 64) } }).Identity);
    }

    [Fact]
    public void Encode_CutsShardsAtDocuments()
    {
        var index = DatasetEncoder.Encode(Pieces(1), _folder["tokens"], Source() with { ShardTokens = 5000 }, _vocabulary);
        var train = index.Shards.Where(s => s.Split == "train").ToList();
        Assert.Equal(Enumerable.Range(0, train.Count).Select(i => $"train_{i:000000}.bin"), train.Select(s => s.File));
        Assert.All(train.SkipLast(1), s => Assert.InRange(s.Tokens, 5000, 6000));
        Assert.True(train.Count <= (train.Sum(s => s.Tokens) + 4999) / 5000);
    }

    [Fact]
    public void Encode_ManySmallFiles_GiveTheShardsOfOneFileOfTheSameText()
    {
        var lines = _tales.SelectMany(t => t.Split('\n', StringSplitOptions.RemoveEmptyEntries)).Take(300).ToList();
        _folder.Write("one/all.txt", string.Concat(lines.Select(l => l + "\n")));
        foreach (var (i, line) in lines.Index()) _folder.Write($"many/{i:000}.txt", line + (i % 2 == 0 ? "\n" : ""));
        var (one, many) = (Encode("one", ""), Encode("many", ""));
        Assert.Equal(one.Shards, many.Shards);
        Assert.Equal(2, many.Shards.Count);
        Assert.InRange(Encode("many", "shard_size: 1000").Shards.Count(s => s.Split == "train"), 5, 30);

        TokenIndex Encode(string folder, string more)
        {
            var config = DatasetConfig.From(new ConfigReader(DatasetKeys.All).ReadText($"path: {_folder[folder]}\ndocuments: lines\n{more}", "t").Values, "t");
            var manifest = RawDataset.Prepare(config, _folder[$"raw-{folder}"]).Manifest;
            var source = Source() with { ShardTokens = config.ShardTokens };
            return DatasetEncoder.Encode(PiecePlan.Of(manifest, config), _folder[$"tokens-{folder}{more.Length}"], source, _vocabulary);
        }
    }

    [Fact]
    public void Encode_SkippedDocuments_AreCountedAndListed()
    {
        var lines = Enumerable.Range(0, 1005).Select(i => i % 201 == 0 ? $"{{\"text\": \"tale {i}\"}}\n" : "{\"text\": null}\n");
        _folder.Write("text/a.jsonl", string.Concat(lines) + "{}\n{}\n");
        _folder.Write("text/empty.txt", "");
        var config = DatasetConfig.From(
            new ConfigReader(DatasetKeys.All).ReadText($"path: {_folder["text"]}\non_bad_document: skip", "t").Values, "t");
        var (manifest, _, notes) = RawDataset.Prepare(config, _folder["raw"]);
        Assert.Equal($"left out as empty: {_folder["text/empty.txt"]}", Assert.Single(notes));
        Assert.True(RawDataset.Prepare(config, _folder["raw"]).WasThere);
        var source = TokenSource.Of(manifest, config, "t", _vocabulary, 0);
        var index = DatasetEncoder.Encode(PiecePlan.Of(manifest, config), _folder["tokens"], source, _vocabulary);
        Assert.Equal((5, 1002), (index.Shards.Sum(s => s.Documents), index.SkippedDocuments));
        var listed = File.ReadAllLines(_folder["tokens/skipped.txt"]);
        Assert.Equal(1001, listed.Length);
        Assert.Equal($"{_folder["text/a.jsonl"]}: line 2 has a 'text' that is not a string.", listed[0]);
        Assert.Equal("and 2 more of the same piece", listed[^1]);

        // Without anything to skip the bytes do not depend on the key; with it they do.
        Assert.Empty(source.DifferencesFrom(source with { SkipsBadDocuments = false }));
        Assert.Equal("on_bad_document skip there, stop now", Assert.Single((source with { SkipsBadDocuments = false }).DifferencesFrom(source)));
    }

    [Fact]
    public void Open_KeepsNoFileOpen()
    {
        var index = DatasetEncoder.Encode(Pieces(100), _folder["tokens"], Source(), _vocabulary);
        using var shards = TokenShards.Open(_folder["tokens"], index, "train");
        Assert.InRange(shards.Lengths.Count, 90, 100);
        var open = new DirectoryInfo("/proc/self/fd").EnumerateFiles().Select(f => f.LinkTarget);
        Assert.DoesNotContain(open, f => f is not null && f.StartsWith(_folder["tokens"], StringComparison.Ordinal));
        var tokens = new long[shards.Lengths[^1]];
        shards.Read(shards.Lengths.Count - 1, 0, tokens);
        Assert.Equal(_vocabulary.EndOfText, tokens[^1]);
    }

    [Fact]
    public void Begin_WorkOnAnotherPlanOfPieces_IsDeleted()
    {
        var encoder = new DatasetEncoder(_folder["tokens"], Source());
        encoder.Begin();
        _folder.Write("tokens.partial/piece_000000/piece.json", "{}");
        encoder.Begin();
        Assert.True(File.Exists(_folder["tokens.partial/piece_000000/piece.json"]));
        File.Move(_folder["tokens.partial/source"], _folder["tokens.partial/source.json"]);
        encoder.Begin();
        Assert.False(File.Exists(_folder["tokens.partial/piece_000000/piece.json"]));
    }

    [Fact]
    public void Encode_AfterAnInterruption_RedoesOnlyMissingPiecesAndGivesTheSameBytes()
    {
        var pieces = Pieces(6);
        var whole = DatasetEncoder.Encode(pieces, _folder["whole"], Source(), _vocabulary);

        // As a kill leaves it: two pieces done, one half written.
        var stop = new CancellationTokenSource();
        var done = 0;
        Assert.ThrowsAny<OperationCanceledException>(() => DatasetEncoder.Encode(pieces, _folder["again"], Source(), _vocabulary, _ =>
        {
            if (Interlocked.Increment(ref done) == 2) stop.Cancel();
        }, stop.Token));
        var partial = Directory.EnumerateDirectories(_folder["again.partial"]).ToList();
        var kept = partial.First(p => File.Exists(Path.Combine(p, "piece.json")));
        _folder.Write("again.partial/piece_000005.draft/train_000.bin", "torn");
        Assert.False(Directory.Exists(_folder["again"]));

        File.WriteAllText(Path.Combine(kept, "marker"), "");
        var marked = false;
        var again = DatasetEncoder.Encode(pieces, _folder["again"], Source(), _vocabulary, _ => marked |= File.Exists(Path.Combine(kept, "marker")));
        Assert.True(marked, "a finished piece was made again");
        Assert.Equal(whole.Shards, again.Shards);
        foreach (var shard in whole.Shards) Assert.Equal(Bytes("whole", shard), Bytes("again", shard));
        Assert.False(Directory.Exists(_folder["again.partial"]));
    }

    [Fact]
    public async Task EncodePiece_ByManyAtOnce_IsWholeWheneverItIsThere()
    {
        var piece = Pieces(1).Single();
        var encoder = new DatasetEncoder(_folder["tokens"], Source());
        encoder.Begin();
        var folder = _folder["tokens.partial/piece_000000"];
        using var watching = new CancellationTokenSource();
        var seen = Task.Run(() =>
        {
            while (!Directory.Exists(folder) && !watching.IsCancellationRequested) { }
            return Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal).ToArray();
        });
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ => encoder.EncodePiece(piece, _vocabulary, new BpeEncoder(_vocabulary)));
        await watching.CancelAsync();
        Assert.Equal(["piece.json", "train_000.bin", "val_000.bin"], await seen);
        Assert.Equal([folder], Directory.GetDirectories(_folder["tokens.partial"]));
        var made = encoder.EncodePiece(piece, _vocabulary, new BpeEncoder(_vocabulary));
        Assert.Equal(made.Shards, encoder.VerifyPiece(piece, _vocabulary, new BpeEncoder(_vocabulary)).Shards);
    }

    [Fact]
    public void Encode_TokensOfOtherSettings_AreNotOverwritten()
    {
        DatasetEncoder.Encode(Pieces(1), _folder["tokens"], Source(), _vocabulary);
        var other = Source() with { ValFraction = 0.5 };
        var error = Assert.Throws<BadDataException>(() => DatasetEncoder.Encode(Pieces(1), _folder["tokens"], other, _vocabulary));
        Assert.Contains("val_fraction 0.1 there, 0.5 now", error.Message);
    }

    [Fact]
    public void Split_MoreText_NeverMovesADocument()
    {
        var few = DatasetEncoder.Encode(Pieces(1, 200), _folder["few"], Source(), _vocabulary);
        var many = DatasetEncoder.Encode(Pieces(1), _folder["many"], Source(), _vocabulary);
        Assert.Subset(Documents(many, "val", "many").ToHashSet(), Documents(few, "val", "few").ToHashSet());
        Assert.Subset(Documents(many, "train", "many").ToHashSet(), Documents(few, "train", "few").ToHashSet());
    }

    [Fact]
    public void Open_TruncatedShard_SaysFileAndByte()
    {
        var index = DatasetEncoder.Encode(Pieces(1), _folder["tokens"], Source(), _vocabulary);
        var file = Path.Combine(_folder["tokens"], "train_000000.bin");
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..5000]);
        var error = Assert.Throws<BadDataException>(() => TokenShards.Open(_folder["tokens"], index, "train"));
        Assert.Contains($"{file} has 5,000 bytes", error.Message);
        Assert.Contains("damaged from byte 5,000", error.Message);
        File.WriteAllBytes(file, new byte[2000]);
        Assert.Contains("is not a token shard", Assert.Throws<BadDataException>(() => TokenShards.Open(_folder["tokens"], index, "train")).Message);
        File.Delete(file);
        Assert.Contains("is missing", Assert.Throws<BadDataException>(() => TokenShards.Open(_folder["tokens"], index, "train")).Message);
    }

    private static TokenSource Source() => new()
    {
        RawSha256 = new string('0', 64),
        Documents = "blank_lines",
        TextField = "text",
        Tokenizer = "t",
        TokenizerSha256 = _vocabulary.Sha256,
        VocabSize = _vocabulary.Size,
        ValFraction = 0.1,
        SplitSeed = 0,
        ShardTokens = 1_000_000,
    };

    private List<Piece> Pieces(int count, int tales = 400) => [.. Enumerable.Range(0, count).Select(i =>
    {
        var share = tales / count;
        var mine = _tales.Skip(i * share).Take(i == count - 1 ? tales - i * share : share);
        var file = _folder.Write($"raw-{count}-{tales}/{i}.txt", string.Concat(mine.Select(t => t + "\n\n")));
        return new Piece(i, [TextSlice.Of(file, PieceFormat.BlankLines, "text")]);
    })];

    private List<string> Documents(TokenIndex index, string split, string folder = "tokens")
    {
        using var shards = TokenShards.Open(_folder[folder], index, split);
        var documents = new List<string>();
        for (var s = 0; s < shards.Lengths.Count; s++)
        {
            var tokens = new long[shards.Lengths[s]];
            shards.Read(s, 0, tokens);
            var ids = new List<int>();
            foreach (var id in tokens)
            {
                if (id != _vocabulary.EndOfText)
                {
                    ids.Add((int)id);
                    continue;
                }

                documents.Add(Encoding.UTF8.GetString(_vocabulary.Decode(ids)));
                ids.Clear();
            }
        }

        return documents;
    }

    private byte[] Bytes(string folder, TokenShard shard) => File.ReadAllBytes(Path.Combine(_folder[folder], shard.File));

    private static Vocabulary Train()
    {
        var counts = new WordCounts();
        foreach (var tale in _tales) counts.Add(Encoding.UTF8.GetBytes(tale));
        return BpeTrainer.Train(counts, 500);
    }
}
