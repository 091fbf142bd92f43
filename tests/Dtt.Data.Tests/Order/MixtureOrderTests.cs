using CsCheck;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Runs;
using Dtt.Data.Order;

namespace Dtt.Data.Tests.Order;

public sealed class MixtureOrderTests
{
    private static readonly Gen<long[]> _shares = Gen.OneOf(Gen.Long[1, 5], Gen.Long[1, 100], Gen.Long[1, 100_000]).Array[1, 8];

    [Fact]
    public void Drawn_WeightsOfWholeWindows_AreExactOverEveryTenThousand() => Gen.Long[1, 2000].Array[1, 6].Sample(some =>
    {
        long[] shares = [.. some, 10_000 * 2 - some.Sum()]; // of 20,000: half a window in 10,000 for an odd one
        var even = Array.TrueForAll(shares, s => s % 2 == 0);
        var order = Order(shares);
        for (var k = 0L; k < 8; k++)
        {
            var drawn = Between(order, k * 10_000, (k + 1) * 10_000);
            if (even) Assert.Equal(shares.Select(s => s / 2), drawn);
            Assert.Equal(shares, Between(order, k * 20_000, (k + 1) * 20_000));
        }
    }, iter: 300);

    [Fact]
    public void Drawn_AnyWeights_AreWithinOneWindowAfterEveryTenThousand_AndWithinTwoAnywhere() =>
        Gen.Select(_shares, Gen.Long[0, 2_000_000]).Sample((shares, at) =>
        {
            var (order, sum) = (Order(shares), (double)shares.Sum());
            var whole = at / 10_000 * 10_000;
            var period = shares.Min() * 10_000 >= sum;
            Assert.Equal(at, order.Drawn(at).Sum());
            Assert.All(order.Drawn(at).Zip(shares), d => Assert.InRange(d.First, at * d.Second / sum - 2, at * d.Second / sum + 2));
            if (period) Assert.All(order.Drawn(whole).Zip(shares), d => Assert.InRange(d.First, whole * d.Second / sum - 1, whole * d.Second / sum + 1));
        }, iter: 2000);

    [Fact]
    public void At_EveryPosition_IsTheNextOfOneDataset() => Gen.Select(_shares, Gen.Long[1, 12_000]).Sample((shares, length) =>
    {
        foreach (var order in new[] { Order(shares), Order(Stage(shares, length), Stage([.. shares.Reverse()], 25_000)) })
        {
            var counts = new long[shares.Length];
            for (var p = 0L; p < 25_000; p++)
            {
                var (dataset, own) = order.At(p);
                Assert.Equal(counts[dataset]++, own);
                if (p % 997 == 0) Assert.Equal(counts, order.Drawn(p + 1));
            }
        }
    }, iter: 20);

    [Fact]
    public void At_AShareOfLessThanAWindowInTenThousand_IsStillDrawn()
    {
        var order = Order([1_000_000, 1]);
        Assert.Equal([2_999_997L, 3], order.Drawn(3_000_000));
        var draws = Enumerable.Range(0, 30).Select(k => order.Drawn((k + 1) * 100_000L)[1] - order.Drawn(k * 100_000L)[1]);
        Assert.Equal(3, draws.Count(d => d == 1));
    }

    [Fact]
    public void Drawn_StagesThatSayHowMuch_EndWithExactlyThat() => Gen.Select(_shares, _shares).Sample((first, second) =>
    {
        var n = Math.Min(first.Length, second.Length);
        (first, second) = (first[..n], second[..n]);
        var order = Order(Stage(first, first.Sum()), Stage(second, second.Sum()));
        Assert.Equal(first, order.Drawn(first.Sum()));
        Assert.Equal(first.Zip(second, (a, b) => a + b), order.Drawn(first.Sum() + second.Sum()));
        var again = order.Drawn(first.Sum() + 3 * second.Sum()); // positions behind the end, for a run that leaves some out: the last stage begins again
        Assert.Equal(first.Zip(second, (a, b) => a + 3 * b), again);
    }, iter: 300);

    [Fact]
    public void At_EachDatasetsWindows_AreSeenOncePerEpochOfItsOwn() => Gen.Select(_shares, Gen.Long[1, 300].Array[8], Gen.Long).Sample((shares, n, seed) =>
    {
        var order = Order(shares);
        var own = shares.Select((_, i) => new WindowOrder(n[i], seed, 10)).ToList();
        var seen = shares.Select(_ => new List<long>()).ToList();
        for (var p = 0L; p < 3000; p++)
        {
            var (i, position) = order.At(p);
            seen[i].Add(own[i].Window(position));
        }

        foreach (var (i, windows) in seen.Index())
            Assert.All(windows.Chunk((int)n[i]), epoch => Assert.Equal(epoch.Length, epoch.Distinct().Count()));
    }, iter: 100);

    [Fact]
    public void At_OneDataset_IsItsOwnOrder()
    {
        var order = Order([1]);
        Assert.All(Enumerable.Range(0, 50_000), p => Assert.Equal((0, (long)p), order.At(p)));
    }

    /// <summary>Of any number of ranks, and from any step on, a step has the same windows: they are a function of the position alone.</summary>
    [Fact]
    public void At_StepsDealtToRanks_AreTheSame() => Gen.Select(_shares, Gen.Int[1, 7], Gen.Long[1, 5], Gen.Long[0, 500]).Sample((shares, world, micro, k) =>
    {
        const long windows = 40;
        var expected = Enumerable.Range(0, (int)windows).Select(w => Order(shares).At(k * windows + w)).ToList();
        var order = Order(shares);
        var dealt = new List<(int, long)>();
        var parts = StepPlan.MicroBatches(windows, (int)micro);
        for (var rank = 0; rank < world; rank++)
        {
            var (from, to) = StepPlan.DealtTo(rank, world, parts);
            for (var w = from * micro; w < Math.Min(windows, to * micro); w++) dealt.Add(order.At(k * windows + w));
        }

        Assert.Equal(expected, dealt);
    }, iter: 300);

    /// <summary>A change of this is a change of every mixture's data: raise <see cref="MixturePlan.CurrentVersion"/> with it.</summary>
    [Fact]
    public void At_OfVersion1_IsFrozen()
    {
        Assert.Equal(1, MixturePlan.CurrentVersion);
        var order = Order([3, 1, 6]);
        Assert.Equal("2020221202", string.Concat(Enumerable.Range(0, 10).Select(p => order.At(p).Dataset)));
        Assert.Equal([(2, 4666L), (1, 12_345L), (2, 5_999_999L)], new[] { 7777L, 123_456, 9_999_999 }.Select(order.At));
    }

    [Fact]
    public void Draw_OfARunThatLeavesWindowsOut_CountsThoseThatItTrains()
    {
        var plan = new MixturePlan { Datasets = [new("a", 100), new("b", 10)], Stages = [Stage([4, 1], null)] };
        var map = new PositionMap([new LeftOutWindows { From = 10, To = 20, FirstStep = 2, LastStep = 2, Attempt = 2 }]);
        Assert.Equal([new MixtureDraw("a", 24 * 16, 0.24, 0.8), new MixtureDraw("b", 6 * 16, 0.6, 0.2)], MixtureDraw.Of(plan, 30, 16, map));
        Assert.Equal([0L, 0], MixtureDraw.Of(plan, 0, 16, map).Select(d => d.Tokens));
        Assert.Empty(MixtureDraw.Of(null, 30, 16, map));
    }

    [Fact]
    public void PlanOf_WeightsTokensAndEpochs_AreWholeNumbers()
    {
        Assert.Equal("a 7 : b 3", Plan("datasets: [{name: a, weight: 0.7}, {name: b, weight: 0.3}]").ToString());
        Assert.Equal("a 2 : b 1", Plan("datasets: [{name: a, weight: 50}, {name: b, weight: 25}]").ToString());
        Assert.Equal("a 100 : b 75 for 175 windows", Plan("datasets: [{name: a, tokens: 1600}, {name: b, epochs: 1.5}]").ToString());
        Assert.Equal("a 1 for 63 windows, then a 200 : b 50 for 250 windows",
            Plan("stages: [{tokens: 1000, datasets: [{name: a, weight: 2}]}, {datasets: [{name: b, epochs: 1}, {name: a, epochs: 1}]}]").ToString());
        Assert.Equal("tales 1", Plan("seed: 1").ToString());
    }

    [Fact]
    public void PlanOf_ADatasetWithoutAWindow_IsNamed()
    {
        var config = RunConfig.Parse("datasets: [{name: a, weight: 1}, {name: b, weight: 1}]");
        var error = Assert.Throws<BadDataException>(() => MixtureOrder.PlanOf(config, [10, 0]));
        Assert.StartsWith("the training text of dataset 'b' is too small: no token shard holds the 1,025 tokens", error.Message);
    }

    private static MixturePlan Plan(string yaml) => MixtureOrder.PlanOf(RunConfig.Parse(yaml + "\nn_ctx: 16\n"), [200, 50]);

    private static PlannedStage Stage(long[] shares, long? windows) => new(shares, windows);

    private static MixtureOrder Order(long[] shares) => Order(Stage(shares, null));

    private static MixtureOrder Order(params PlannedStage[] stages) =>
        new(new MixturePlan { Datasets = [.. stages[0].Shares.Select((_, i) => new PlannedDataset($"d{i}", 100))], Stages = stages });

    private static IEnumerable<long> Between(MixtureOrder order, long from, long to) => order.Drawn(from).Zip(order.Drawn(to), (a, b) => b - a);
}
