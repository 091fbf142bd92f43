using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Data.Datasets;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;
using Dtt.Tests;

namespace Dtt.Data.Tests.Tokens;

public sealed class TokenFilesTests : IDisposable
{
    private static readonly Vocabulary _vocabulary = new([((int)'a', (int)'b')]); // 256 bytes, "ab", and the end of text as 257
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Index_LlmCsFiles_AreReadWhereTheyLie()
    {
        Write("fineweb_train_000001.bin", 1024, 257, 1, 2, 256);
        Write("fineweb_train_000002.bin", 1024, 257, 3, 4);
        Write("fineweb_val_000000.bin", 1024, 257, 9);
        var index = Index();
        Assert.Equal(["fineweb_train_000001.bin", "fineweb_train_000002.bin", "fineweb_val_000000.bin"], index.Shards.Select(s => Path.GetFileName(s.File)));
        Assert.Equal((4, 1, 4), (index.Shards[0].Tokens, index.Shards[0].Documents, index.Shards[0].TextBytes)); // two bytes, and "ab" is two more
        Assert.Equal([1, 2, 256], Tokens("train", 0, 1, 3));
        Assert.Equal([257, 3, 4], Tokens("train", 1, 0, 3));
        Assert.Equal([257, 9], Tokens("val", 0, 0, 2));
        Assert.Equal(["index.json", "report.json"], Directory.GetFiles(_folder["tokens"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Index_NanoGptsFiles_HaveNoHeader()
    {
        Write("train.bin", 0, 5, 6, 7, 8);
        Write("val.bin", 0, 9, 10);
        Assert.Equal([7, 3], Index().Shards.Select(s => (long)s.TextBytes + (s.Split == "train" ? 3 : 1)));
        Assert.Equal([6, 7, 8], Tokens("train", 0, 1, 3));
        Assert.Equal([9, 10], Tokens("val", 0, 0, 2));
    }

    [Fact]
    public void Index_AnIdThatTheTokenizerDoesNotHave_SaysWhichTokenOfWhichFile()
    {
        Write("train.bin", 0, 5, 6, 258, 8);
        Assert.Contains("train.bin: token 2 is 258, but the tokenizer has 258 tokens", Assert.Throws<BadDataException>(Index).Message);
        Assert.False(Directory.Exists(_folder["tokens"]));
    }

    [Fact]
    public void Index_AFileCutShort_IsRefused()
    {
        var file = Write("a_train.bin", 1024, 1, 2, 3);
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..^2]);
        Assert.Contains("has 1,028 bytes, but its header says 1,030", Assert.Throws<BadDataException>(Index).Message);
    }

    [Fact]
    public void WhyNoValidation_TellsOfNoDocuments_AndOfNoWindow()
    {
        Write("a_train.bin", 1024, 257, 1, 2);
        Write("a_val.bin", 1024, 257, 9);
        var index = Index();
        Assert.Null(index.WhyNoValidation(contextLength: 1));
        Assert.Equal("no validation shard holds a window of 3 tokens, so runs will have no validation loss; add a token file with 'val' in its name, or a "
            + "larger one.", index.WhyNoValidation(contextLength: 2));
        var text = index with
        {
            Source = index.Source with { ValFraction = 0.01 },
            Shards = [index.Shards.Single(s => s.Split == "train") with { File = "train_000000.bin" }],
        };
        Assert.Equal("there are no validation documents, so runs will have no validation loss; raise val_fraction (0.01 now), or add text, and tokenize "
            + "again.", text.WhyNoValidation(contextLength: 1));
    }

    [Fact]
    public void Index_OfNoTokensToTrainOn_SaysWhichFilesHoldNone()
    {
        var empty = Write("a_train.bin", 1024);
        Write("a_val.bin", 1024, 1, 2);
        Assert.Contains($"{empty} holds no tokens: there is nothing to train on", Assert.Throws<BadDataException>(Index).Message);
        File.Delete(empty);
        Directory.Delete(_folder["manifest"], recursive: true);
        Assert.Contains("every file has 'val' in its name", Assert.Throws<BadDataException>(Index).Message);
    }

    [Theory]
    [InlineData(1024)]
    [InlineData(0)]
    public void Open_AFileThatWasCutSince_NamesIt_AndDoesNotAskToDeleteWhereItLies(int headerBytes)
    {
        var file = Write("a_train.bin", headerBytes, 1, 2, 3);
        Index();
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..^2]);
        var error = Assert.Throws<BadDataException>(() => Tokens("train", 0, 0, 1)).Message;
        Assert.StartsWith(file, error);
        Assert.EndsWith($"Bring it back as it was when `dtt tokenize` read it; or, to take the files as they are now, run `dtt download` and then: "
            + $"Move {_folder["tokens"]} away and run `dtt tokenize` again.", error);
    }

    private long[] Tokens(string split, int shard, long offset, int count)
    {
        using var shards = TokenShards.Open(_folder["tokens"], TokenIndex.Find(_folder["tokens"])!, split);
        var tokens = new long[count];
        shards.Read(shard, offset, tokens);
        return tokens;
    }

    private TokenIndex Index()
    {
        var dataset = DatasetConfig.From(new ConfigReader(DatasetKeys.All).ReadText($"path: {_folder["raw"]}\n", "test.yaml").Values, "test.yaml");
        var manifest = RawDataset.Prepare(dataset, _folder["manifest"]).Manifest;
        Assert.True(TokenFiles.Are(manifest));
        return TokenFiles.Index(manifest, _vocabulary, TokenSource.Of(manifest, dataset, "test", _vocabulary, 0), _folder["tokens"]);
    }

    private string Write(string name, int headerBytes, params ushort[] tokens)
    {
        var bytes = new byte[headerBytes + 2 * tokens.Length];
        if (headerBytes > 0)
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes, 20240520);
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), 1);
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), tokens.Length);
        }

        MemoryMarshal.AsBytes<ushort>(tokens).CopyTo(bytes.AsSpan(headerBytes));
        Directory.CreateDirectory(_folder["raw"]);
        File.WriteAllBytes(_folder["raw/" + name], bytes);
        return _folder["raw/" + name];
    }
}
