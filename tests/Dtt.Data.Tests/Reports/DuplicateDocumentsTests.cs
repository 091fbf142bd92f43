using System.Text;
using Dtt.Core.Errors;
using Dtt.Data.Reports;
using Dtt.Data.Text;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;
using Dtt.Tests;

namespace Dtt.Data.Tests.Reports;

/// <summary><c>dedup: exact</c>.</summary>
public sealed class DuplicateDocumentsTests : IDisposable
{
    private static readonly Vocabulary _vocabulary = new([((int)'a', (int)'b')]);
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    public void Encode_LeavesTheFirstOfEach_InOrder(int pieces)
    {
        var texts = Texts();
        var index = Encode("tokens", Pieces(pieces, texts), Source());
        Assert.Equal(texts.Distinct(), Documents("tokens", index));
        Assert.Equal(texts.Count - texts.Distinct().Count(), index.DroppedDuplicates);
        Assert.Equal(0, TokenReport.Find(_folder["tokens"])!.DuplicateDocuments);
        Assert.Equal(["tokens"], Directory.GetDirectories(_folder.Path, "tokens*").Select(Path.GetFileName));
        if (pieces > 1) return;
        var distinct = Encode("distinct", Pieces(1, [.. texts.Distinct()]), Source() with { Dedup = null });
        Assert.Equal(distinct.Shards, index.Shards);
    }

    [Fact]
    public void Find_InAnyOrderOfPieces_InAnyMemory_AfterAnyInterruption_IsTheSame()
    {
        var pieces = Pieces(5, Texts());
        var expected = Gone("straight", pieces, int.MaxValue);
        Assert.Equal(expected, Gone("backwards", pieces.AsEnumerable().Reverse(), 1));
        Assert.Equal(expected, Gone("some", pieces, 37));

        // As a kill leaves it: some hashed, one half written, found once without the last mark.
        var killed = new DuplicateDocuments(_folder["killed"], "source");
        killed.Begin();
        killed.Hash(pieces[3]);
        _folder.Write("killed/piece_000001.hashes.0123456789abcdef0123456789abcdef.tmp", "torn");
        var hashed = File.GetLastWriteTimeUtc(_folder["killed/piece_000003.hashes"]);
        Assert.Equal(expected, Gone("killed", pieces, 100));
        Assert.Equal(hashed, File.GetLastWriteTimeUtc(_folder["killed/piece_000003.hashes"]));
        File.Delete(_folder["killed/found"]);
        Assert.False(new DuplicateDocuments(_folder["killed"], "source").AreFound);
        Assert.Equal(expected, Gone("killed", pieces, 100));

        // Work of other text is not taken.
        Assert.False(new DuplicateDocuments(_folder["killed"], "other").AreFound);
        Assert.Throws<BadDataException>(() => new DuplicateDocuments(_folder["killed"], "other").Of(0));
    }

    [Fact]
    public void Encode_Interrupted_EndsWithTheSameBytes()
    {
        var pieces = Pieces(6, Texts());
        var whole = Encode("whole", pieces, Source());
        var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() =>
            DatasetEncoder.Encode(pieces, _folder["again"], Source(), _vocabulary, _ => stop.Cancel(), stop.Token));
        Assert.True(Directory.Exists(_folder["again.duplicates"]));
        Assert.Equal(whole.Shards, Encode("again", pieces, Source()).Shards);
        Assert.False(Directory.Exists(_folder["again.duplicates"]));
    }

    [Fact]
    public void Encode_ByDefault_KeepsAll_AndSaysNothingOfDuplicates()
    {
        var texts = Texts();
        var index = Encode("tokens", Pieces(3, texts), Source() with { Dedup = null });
        Assert.Equal(texts, Documents("tokens", index));
        var json = File.ReadAllText(_folder["tokens/index.json"]);
        Assert.DoesNotContain("dedup", json);
        Assert.DoesNotContain("dropped_duplicates", json);
        var dedup = Source();
        Assert.Equal("dedup none there, exact now", Assert.Single(dedup.DifferencesFrom(dedup with { Dedup = null })));
    }

    private string Gone(string name, IEnumerable<Piece> pieces, int mostInMemory)
    {
        var duplicates = new DuplicateDocuments(_folder[name], "source", mostInMemory);
        duplicates.Begin();
        foreach (var piece in pieces) duplicates.Hash(piece);
        var count = duplicates.Find(pieces.Count());
        Assert.Equal(count, duplicates.Count());
        return count + " " + string.Join(' ', Enumerable.Range(0, pieces.Count()).Select(p => Convert.ToHexString(duplicates.Of(p))));
    }

    private TokenIndex Encode(string name, IReadOnlyList<Piece> pieces, TokenSource source) =>
        DatasetEncoder.Encode(pieces, _folder[name], source, _vocabulary);

    private static List<string> Texts()
    {
        var random = new Random(9);
        return [.. Enumerable.Range(0, 400).Select(_ => $"about {random.Next(250)}"), "about 1 ", "ABOUT 1"];
    }

    private static TokenSource Source() => new()
    {
        RawSha256 = new string('0', 64),
        Documents = "lines",
        TextField = "text",
        Tokenizer = "t",
        TokenizerSha256 = _vocabulary.Sha256,
        VocabSize = _vocabulary.Size,
        ValFraction = 0,
        SplitSeed = 0,
        ShardTokens = 1000,
        Dedup = "exact",
    };

    private List<Piece> Pieces(int count, IReadOnlyList<string> texts) =>
    [
        .. texts.Chunk((texts.Count + count - 1) / count).Select((part, p) => new Piece(p,
            [TextSlice.Of(_folder.Write($"raw-{count}-{texts.Count}/{p}.txt", string.Join('\n', part)), PieceFormat.Lines, "text")])),
    ];

    private List<string> Documents(string name, TokenIndex index)
    {
        using var shards = TokenShards.Open(_folder[name], index, "train");
        var text = new StringBuilder();
        for (var s = 0; s < shards.Lengths.Count; s++)
        {
            var tokens = new long[shards.Lengths[s]];
            shards.Read(s, 0, tokens);
            text.Append(Encoding.UTF8.GetString(_vocabulary.Decode(tokens.Select(t => (int)t))));
        }

        return [.. text.ToString().Split(Vocabulary.EndOfTextToken, StringSplitOptions.RemoveEmptyEntries)];
    }
}
