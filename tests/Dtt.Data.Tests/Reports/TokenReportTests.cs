using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Data.Datasets;
using Dtt.Data.Reports;
using Dtt.Data.Tales;
using Dtt.Data.Text;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;
using Dtt.Tests;

namespace Dtt.Data.Tests.Reports;

public sealed class TokenReportTests : IDisposable
{
    private static readonly Vocabulary _vocabulary = PublicTokenizer.Load("gpt2");
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Encode_CountsTheDocuments_AsCountingThemOneByOneDoes()
    {
        var tales = Enumerable.Range(0, 300).Select(i => new TaleGenerator(5).Tell(i)).ToList();
        var texts = tales.Concat(tales.Take(20)).Concat(["short", "short", "short", "bro\uFFFDken \uFFFD", "naïve — 漢字 🙂", "a"]).ToList();
        var (index, report) = Encode("tokens", 3, texts);
        var encoder = new BpeEncoder(_vocabulary);
        var lengths = texts.Select(t =>
        {
            var ids = new TokenBuffer();
            encoder.Encode(Encoding.UTF8.GetBytes(t), ids);
            return (long)ids.Ids.Length;
        }).ToList();
        Assert.Equal(
            new DocumentStatistics
            {
                Documents = texts.Count,
                Tokens = lengths.Sum(),
                TextBytes = texts.Sum(t => Encoding.UTF8.GetByteCount(t)),
                InvalidBytes = 6,
                LongestTokens = lengths.Max(),
            },
            report.Documents with { Lengths = DocumentStatistics.None.Lengths });
        var expected = new long[BitOperations.Log2((ulong)lengths.Max()) + 1];
        foreach (var length in lengths) expected[BitOperations.Log2((ulong)length)]++;
        Assert.Equal(expected, report.Documents.Lengths);
        Assert.Equal(22, report.DuplicateDocuments);
        Assert.Equal(index.Shards.Sum(s => s.Tokens), report.Documents.Tokens + report.Documents.Documents);
    }

    [Fact]
    public void Of_TokensOfAnEarlierBuild_GivesTheSameReport()
    {
        var (index, report) = Encode("tokens", 4, [.. Enumerable.Range(0, 200).Select(i => new TaleGenerator(6).Tell(i % 150))]);
        File.Delete(_folder["tokens/report.json"]);
        var again = TokenReport.Of(_folder["tokens"], index, () => _vocabulary);
        Assert.Equal(50, report.DuplicateDocuments);
        AssertEqual(report, again);
    }

    [Fact]
    public void Verify_CountsToo_AndWhatAnotherProcessCountedIsTakenOver()
    {
        var texts = Enumerable.Range(0, 90).Select(i => new TaleGenerator(7).Tell(i)).ToList();
        var (_, report) = Encode("whole", 3, texts);
        var (pieces, encoder) = (Pieces("whole", 3, texts), new DatasetEncoder(_folder["tokens"], Source()));
        encoder.Begin();
        foreach (var piece in pieces) encoder.VerifyPiece(piece, _vocabulary, new BpeEncoder(_vocabulary));
        var times = Counts().Select(File.GetLastWriteTimeUtc).ToList();
        foreach (var piece in pieces) encoder.VerifyPiece(piece, _vocabulary, new BpeEncoder(_vocabulary));
        Assert.Equal(times, Counts().Select(File.GetLastWriteTimeUtc));
        encoder.Assemble(3);
        AssertEqual(report, TokenReport.Find(_folder["tokens"])!);

        IEnumerable<string> Counts() => Enumerable.Range(0, 3).Select(p => _folder[$"tokens.partial/piece_{p:000000}/documents.json"]);
    }

    [Fact]
    public void Assemble_OfPiecesThatNobodyCounted_LeavesTheReportToWhoAsks()
    {
        var texts = new[] { "one", "two", "two" };
        var encoder = new DatasetEncoder(_folder["tokens"], Source());
        encoder.Begin();
        foreach (var piece in Pieces("raw", 1, texts)) encoder.EncodePiece(piece, _vocabulary, new BpeEncoder(_vocabulary));
        var index = encoder.Assemble(1);
        Assert.Null(TokenReport.Find(_folder["tokens"]));
        Assert.Equal(1, TokenReport.Of(_folder["tokens"], index, () => _vocabulary).DuplicateDocuments);
    }

    [Theory]
    [InlineData(0, "E282AC")]             // a character of three tokens
    [InlineData(2, "E28261")]             // … without its end
    [InlineData(2, "61E282")]
    [InlineData(3, "EFBFBD")]             // U+FFFD
    [InlineData(4, "FF61EDA080")]         // a byte of no character, half a surrogate pair
    [InlineData(0, "")]
    public void TokenFiles_BytesThatAreNotText_AreCounted(long invalid, string hex)
    {
        var bytes = Convert.FromHexString(hex);
        ushort[] text = [.. bytes.Select(b => (ushort)_vocabulary.IdOfByte[b]), 50256];
        var many = Enumerable.Repeat((ushort)_vocabulary.IdOfByte[0x80], 10_001).ToArray();
        var report = OfFiles(("train.bin", [50256, .. text, .. text]), ("val.bin", many));
        Assert.Equal(2 * invalid + 10_001, report.Documents.InvalidBytes);
        Assert.Equal(hex.Length > 0 ? (3, 1) : (1, 0), ((int)report.Documents.Documents, (int)report.DuplicateDocuments));
    }

    [Fact]
    public void CountCopies_InManyPasses_IsTheSame()
    {
        var random = new Random(3);
        var files = Enumerable.Range(0, 3).Select(f => _folder[$"hashes{f}"]).ToList();
        foreach (var file in files)
        {
            var hashes = new byte[1000 * DocumentHashes.Bytes];
            for (var d = 0; d < 1000; d++) new Random(random.Next(1500)).NextBytes(hashes.AsSpan(d * DocumentHashes.Bytes, DocumentHashes.Bytes));
            File.WriteAllBytes(file, hashes);
        }

        var all = files.SelectMany(f => File.ReadAllBytes(f).Chunk(DocumentHashes.Bytes)).Select(Convert.ToHexString).ToList();
        var copies = all.Count - all.Distinct().Count();
        Assert.Equal((copies, copies), (DocumentHashes.CountCopies(files), DocumentHashes.CountCopies(files, mostInMemory: 500)));
    }

    [Fact]
    public void Find_ADamagedReport_SaysWhatToDo()
    {
        _folder.Write("report.json", "{\"documents\": ");
        Assert.Contains("report.json:1:", Assert.Throws<BadDataException>(() => TokenReport.Find(_folder.Path)).Message);
    }

    private static void AssertEqual(TokenReport expected, TokenReport actual)
    {
        Assert.Equal(expected.Documents.Lengths, actual.Documents.Lengths);
        Assert.Equal(expected, actual with { Documents = actual.Documents with { Lengths = expected.Documents.Lengths } });
    }

    private static TokenSource Source() => new()
    {
        RawSha256 = new string('0', 64),
        Documents = "files",
        TextField = "text",
        Tokenizer = "t",
        TokenizerSha256 = _vocabulary.Sha256,
        VocabSize = _vocabulary.Size,
        ValFraction = 0.2,
        SplitSeed = 0,
        ShardTokens = 2000,
    };

    private (TokenIndex Index, TokenReport Report) Encode(string name, int pieces, IReadOnlyList<string> texts)
    {
        var index = DatasetEncoder.Encode(Pieces(name, pieces, texts), _folder[name], Source(), _vocabulary);
        return (index, TokenReport.Find(_folder[name])!);
    }

    private List<Piece> Pieces(string name, int count, IReadOnlyList<string> texts) =>
    [
        .. texts.Index().Chunk((texts.Count + count - 1) / count).Select((part, p) => new Piece(p,
        [
            .. part.Select(t => TextSlice.Of(_folder.Write($"raw-{name}/{t.Index}.txt", t.Item), PieceFormat.WholeFile, "text")),
        ])),
    ];

    private TokenReport OfFiles(params (string Name, ushort[] Tokens)[] files)
    {
        Directory.CreateDirectory(_folder["files"]);
        foreach (var (name, tokens) in files) File.WriteAllBytes(_folder["files/" + name], MemoryMarshal.AsBytes<ushort>(tokens));
        var dataset = DatasetConfig.From(new ConfigReader(DatasetKeys.All).ReadText($"path: {_folder["files"]}\n", "t.yaml").Values, "t.yaml");
        var manifest = RawDataset.Prepare(dataset, _folder["manifest"]).Manifest;
        TokenFiles.Index(manifest, _vocabulary, TokenSource.Of(manifest, dataset, "t", _vocabulary, 0), _folder["tokens"]);
        return TokenReport.Find(_folder["tokens"])!;
    }
}
