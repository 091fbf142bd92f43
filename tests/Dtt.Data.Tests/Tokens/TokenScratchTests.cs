using Dtt.Core.Errors;
using Dtt.Data.Tales;
using Dtt.Data.Text;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;
using Dtt.Tests;

namespace Dtt.Data.Tests.Tokens;

public sealed class TokenScratchTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public TokenScratchTests()
    {
        var text = string.Concat(Enumerable.Range(0, 50).Select(i => new TaleGenerator(2).Tell(i) + "\n\n"));
        var file = _folder.Write("tales.txt", text);
        var vocabulary = new Vocabulary([]);
        var source = new TokenSource
        {
            RawSha256 = "raw",
            Documents = "blank_lines",
            TextField = "text",
            Tokenizer = "bytes",
            TokenizerSha256 = vocabulary.Sha256,
            VocabSize = vocabulary.Size,
            ValFraction = 0.2,
            SplitSeed = 0,
            ShardTokens = 5000,
        };
        DatasetEncoder.Encode([new Piece(0, [TextSlice.Of(file, PieceFormat.BlankLines, "text")])], Tokens, source, vocabulary);
    }

    private string Tokens => _folder["tokens"];

    private string Root => _folder["scratch"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Stage_CopiesEveryShardOnce()
    {
        using var first = TokenScratch.Stage(Tokens, Root, () => { });
        using var second = TokenScratch.Stage(Tokens, Root, () => { });
        Assert.Equal((false, true, first.Folder), (first.WasThere, second.WasThere, second.Folder));
        var (here, there) = (TokenIndex.Find(Tokens)!, TokenIndex.Find(first.Folder)!);
        Assert.Equal(here.Shards.Select(s => (s.Split, s.Tokens, s.Sha256)), there.Shards.Select(s => (s.Split, s.Tokens, s.Sha256)));
        byte[] Bytes(string folder, TokenShard shard) => File.ReadAllBytes(Path.Combine(folder, shard.File));
        Assert.All(here.Shards.Zip(there.Shards), s => Assert.Equal(Bytes(Tokens, s.First), Bytes(first.Folder, s.Second)));
    }

    [Fact]
    public async Task Stage_ByManyAtOnce_MakesOneCopy()
    {
        var copies = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => TokenScratch.Stage(Tokens, Root, () => { }))));
        Assert.Single(copies.Select(c => c.Folder).Distinct());
        Assert.Single(copies, c => !c.WasThere);
        foreach (var copy in copies) copy.Dispose();
    }

    [Fact]
    public void Stage_ADamagedShard_IsRefusedAndNothingStays()
    {
        var file = Path.Combine(Tokens, TokenIndex.Find(Tokens)!.Shards[0].File);
        var bytes = File.ReadAllBytes(file);
        bytes[^1] ^= 1;
        File.WriteAllBytes(file, bytes);
        Assert.Contains("does not have the hash in its index", Assert.Throws<BadDataException>(() => TokenScratch.Stage(Tokens, Root, () => { })).Message);
        Assert.Empty(Directory.GetDirectories(Root));
    }

    [Fact]
    public void Stage_WhatAKillLeft_IsMadeAnew()
    {
        using (var whole = TokenScratch.Stage(Tokens, Root, () => { })) Directory.Move(whole.Folder, whole.Folder + ".partial");
        File.Delete(Directory.GetFiles(Directory.GetDirectories(Root).Single()).First());
        using var again = TokenScratch.Stage(Tokens, Root, () => { });
        Assert.False(again.WasThere);
        Assert.Equal(TokenIndex.Find(Tokens)!.Shards.Count + 1, Directory.GetFiles(again.Folder).Length);
        Assert.Single(Directory.GetDirectories(Root));
    }
}
