using CsCheck;
using Dtt.Core.Configuration;
using Dtt.Data.Order;
using Dtt.Data.Tokens;
using Dtt.Tests;

namespace Dtt.Data.Tests.Order;

/// <summary><c>pack: bos</c>.</summary>
public sealed class WindowsAtDocumentsTests : IDisposable
{
    private const int EndOfText = 7;
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Windows_AreThoseOfTheRule_AndEveryDocumentThatFitsIsWholeInOne() =>
        Gen.Select(Gen.Int[0, 4].Array[0, 60].Array[1, 4], Gen.Int[2, 12], Gen.Bool).Sample((drawn, t, wide) =>
    {
        var shards = drawn.Select(shard => shard.Select(id => id == 0 ? EndOfText : 100 + id).ToArray()).ToArray();
        using var opened = Open(shards, wide);
        var index = WindowIndex.AtDocuments(opened, t, EndOfText);
        var (at, unreached, repeated) = (0, 0L, 0L);
        for (var s = 0; s < shards.Length; s++)
        {
            var (seen, end) = (new int[shards[s].Length], 0);
            for (var start = 0; start + t < shards[s].Length;)
            {
                Assert.Equal((s, start), index.Locate(at++));
                for (var i = start; i < start + t; i++) seen[i]++;
                end = start + t + 1;
                var next = start + t;
                while (next > start && shards[s][next] != EndOfText) next--;
                start = next > start ? next : start + t;
            }

            unreached += shards[s].Length - end;
            repeated += seen.Count(n => n == 2);
            Assert.All(seen[..Math.Max(0, end - 1)], n => Assert.InRange(n, 1, 2));
            var tokens = shards[s];
            int[] documents = [0, .. Enumerable.Range(1, Math.Max(0, tokens.Length - 1)).Where(i => tokens[i] == EndOfText), tokens.Length];
            foreach (var (first, next) in documents.Zip(documents.Skip(1)).Where(d => d.Second < end && d.Second - d.First <= t))
                Assert.Contains(Places(index), window => window.Shard == s && window.Offset <= first && next <= window.Offset + t);
        }

        Assert.Equal((at, shards.Sum(s => s.Length), unreached, repeated), (index.Count, index.Tokens, index.Unreached, index.Repeated));
    }, iter: 300, threads: 1);

    [Theory]
    [InlineData(4)]
    [InlineData(100_000)]
    public void AtDocuments_OfManyTokens_GivesSignsOfLife_OneAtATime(int contextLength)
    {
        int[] text = [.. Enumerable.Range(0, 2_500_000).Select(i => i % 23 == 22 ? EndOfText : 100 + i % 300)];
        using var shards = Open([text, text[..200_000], text[..30]], wide: false);
        var (calls, within) = (0, 0);
        var index = WindowIndex.Of(RunConfig.Parse($"pack: bos\nname: r\nn_ctx: {contextLength}"), shards, EndOfText, () =>
        {
            Assert.Equal(1, Interlocked.Increment(ref within));
            calls++;
            Interlocked.Decrement(ref within);
        });
        Assert.True(index.Count > 20);
        Assert.Equal(2 + 3, calls); // within the first shard, and at the end of each
    }

    /// <summary>A change of these numbers is a change of every such run's data.</summary>
    [Fact]
    public void Windows_AreFrozen()
    {
        int[] text = [.. Enumerable.Range(0, 200).Select(i => i % 23 == 22 || i is 40 or 41 ? EndOfText : 100 + i)];
        using var shards = Open([text, text[..30], text[..9]], wide: false);
        var index = WindowIndex.AtDocuments(shards, 16, EndOfText);
        Assert.Equal("(0, 0) (0, 16) (0, 22) (0, 38) (0, 45) (0, 61) (0, 68) (0, 84) "
            + "(0, 91) (0, 107) (0, 114) (0, 130) (0, 137) (0, 153) (0, 160) (0, 176) (0, 183) (1, 0)", string.Join(' ', Places(index)));
        Assert.Equal("22 of 239 (9.21 %), at the ends of shards; "
            + "in two windows: 73 of 239 (30.54 %), of documents that begin again", index.UnreachedInWords);
    }

    [Fact]
    public void Of_WithoutPack_IsWhatItWas()
    {
        int[] text = [.. Enumerable.Range(0, 200).Select(i => i % 23 == 22 ? EndOfText : 100 + i)];
        using var shards = Open([text, text[..90]], wide: false);
        foreach (var pack in new[] { "", "pack: none\n" })
        {
            var config = RunConfig.Parse($"{pack}name: r\nn_ctx: 16\noverlap: 3");
            var (index, before) = (WindowIndex.Of(config, shards, EndOfText), new WindowIndex([200, 90], 16, 3));
            Assert.Equal(Places(before), Places(index));
            Assert.Equal(before.UnreachedInWords, index.UnreachedInWords);
        }

        var packed = WindowIndex.Of(RunConfig.Parse("pack: bos\nname: r\nn_ctx: 16"), shards, EndOfText);
        Assert.Equal((0, 22), packed.Locate(2));
    }

    private static IEnumerable<(int Shard, long Offset)> Places(WindowIndex index) => Enumerable.Range(0, (int)index.Count).Select(w => index.Locate(w));

    private TokenShards Open(int[][] shards, bool wide)
    {
        var index = new TokenIndex
        {
            Source = new TokenSource
            {
                RawSha256 = "raw",
                Documents = "lines",
                TextField = "text",
                Tokenizer = "t",
                TokenizerSha256 = "t",
                VocabSize = wide ? 70_000 : 500,
                ValFraction = 0,
                SplitSeed = 0,
                ShardTokens = 1000,
            },
            Shards = [.. shards.Index().Select(s => Write(s.Index, s.Item, wide))],
        };
        return TokenShards.Open(_folder.Path, index, "train");
    }

    private TokenShard Write(int number, int[] tokens, bool wide)
    {
        using var writer = new ShardWriter(_folder[$"{number}.bin"], wide ? 4 : 2);
        if (tokens.Length > 0) writer.Add(tokens.AsSpan()[..^1], tokens[^1], textBytes: 1);
        var sha256 = writer.Finish();
        return new TokenShard
        {
            File = $"{number}.bin",
            Split = "train",
            Piece = number,
            Part = 0,
            Tokens = tokens.Length,
            Documents = 1,
            TextBytes = 1,
            Sha256 = sha256,
        };
    }
}
