using CsCheck;
using Dtt.Data.Order;

namespace Dtt.Data.Tests.Order;

public sealed class WindowOrderTests
{
    [Fact]
    public void Permutation_IsABijectionWithAnInverse() => Gen.Select(Gen.Long[1, 3000], Gen.ULong).Sample((count, key) =>
    {
        var permutation = new IndexPermutation(count, key);
        var images = Enumerable.Range(0, (int)count).Select(i => permutation.Map(i)).ToList();
        Assert.Equal(Enumerable.Range(0, (int)count).Select(i => (long)i), images.Order());
        for (var i = 0; i < count; i++) Assert.Equal(i, permutation.Unmap(images[i]));
    }, iter: 200);

    [Fact]
    public void Window_EachEpochSeesEveryWindowOnce() => Gen.Select(Gen.Long[1, 2000], Gen.Long[1, 60], Gen.Long[0, 1000]).Sample((count, block, seed) =>
    {
        var order = new WindowOrder(count, seed, windowBytes: 10, blockBytes: block * 10);
        for (var epoch = 0; epoch < 2; epoch++)
        {
            var windows = Enumerable.Range(0, (int)count).Select(i => order.Window(epoch * count + i));
            Assert.Equal(Enumerable.Range(0, (int)count).Select(i => (long)i), windows.Order());
        }
    }, iter: 300);

    [Fact]
    public void Window_EpochsAndSeedsDiffer()
    {
        List<long> Epoch(long seed, long epoch) => [.. Enumerable.Range(0, 500).Select(i => new WindowOrder(500, seed, 1).Window(epoch * 500 + i))];
        Assert.NotEqual(Epoch(1, 0), Epoch(1, 1));
        Assert.NotEqual(Epoch(1, 0), Epoch(2, 0));
        Assert.Equal(Epoch(1, 3), Epoch(1, 3));
    }

    [Fact]
    public void Window_StaysWithinAFewBlocks()
    {
        // 100 blocks of 50 windows: any stretch of 8 blocks' worth of positions touches at most 16 blocks.
        var order = new WindowOrder(5000, 7, 10, 500);
        for (var start = 0; start + 400 <= 5000; start += 400)
            Assert.InRange(Enumerable.Range(start, 400).Select(p => order.Window(p) / 50).Distinct().Count(), 8, 16);
    }

    /// <summary>A change of these numbers is a change of every run's data: raise <see cref="WindowOrder.Version"/> with it.</summary>
    [Fact]
    public void Window_OfVersion1_IsFrozen()
    {
        Assert.Equal(1, WindowOrder.Version);
        var order = new WindowOrder(1000, 91, 10, 640);
        Assert.Equal(Frozen, Enumerable.Range(0, 8).Select(i => order.Window(i * 250)));
    }

    private static readonly long[] Frozen = [743, 869, 596, 930, 427, 984, 693, 610];

    [Fact]
    public void Index_WindowsNeverCrossAShardAndCoverIt() => Gen.Select(Gen.Long[0, 200].Array[1, 8], Gen.Int[2, 20], Gen.Int[0, 19]).Sample((shards, t, o) =>
    {
        var overlap = o % t;
        var index = new WindowIndex(shards, t, overlap);
        var expected = new List<(int, long)>();
        for (var s = 0; s < shards.Length; s++)
        {
            for (var at = 0L; at + t + 1 <= shards[s]; at += t - overlap) expected.Add((s, at));
        }

        Assert.Equal(expected.Count, index.Count);
        var seen = shards.Select(tokens => new bool[tokens]).ToArray();
        foreach (var (shard, at) in expected) seen[shard].AsSpan((int)at, t + 1).Fill(true);
        Assert.Equal((shards.Sum(), seen.Sum(s => s.Count(token => !token))), (index.Tokens, index.Unreached));
        for (var w = 0; w < expected.Count; w++) Assert.Equal(expected[w], index.Locate(w));
    }, iter: 1000);
}
