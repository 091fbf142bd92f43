using Dtt.Core.Runs;

namespace Dtt.Core.Tests.Runs;

public sealed class PositionMapTests
{
    [Fact]
    public void PositionOf_GivesEveryPositionOnce_ButThoseThatAreLeftOut()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var leftOut = Enumerable.Range(0, random.Next(6)).Select(_ => random.Next(60)).Select(from => Stretch(from, from + 1 + random.Next(9))).ToList();
            var expected = Enumerable.Range(0, 200).Select(p => (long)p).Where(p => !leftOut.Any(l => p >= l.From && p < l.To)).Take(80);
            var map = new PositionMap(leftOut);
            Assert.Equal(expected, Enumerable.Range(0, 80).Select(w => map.PositionOf(w)));
            Assert.Equal(Enumerable.Range(0, 80).Select(w => (long)w), Enumerable.Range(0, 80).Select(w => map.WindowsBefore(map.PositionOf(w))));
            Assert.All(map.Gaps.Zip(map.Gaps.Skip(1)), g => Assert.True(g.First.To < g.Second.From)); // apart from each other
        }
    }

    [Fact]
    public void PositionOf_WithoutAnythingLeftOut_IsTheWindowItself()
    {
        Assert.Equal(7, new PositionMap(null).PositionOf(7));
        Assert.Empty(new PositionMap([]).Gaps);
    }

    [Fact]
    public void PositionOf_OfWindowsBeforeWhatIsLeftOutLater_Stays()
    {
        var (before, after) = (new PositionMap([Stretch(3, 5)]), new PositionMap([Stretch(3, 5), Stretch(20, 30)]));
        Assert.All(Enumerable.Range(0, 18), w => Assert.Equal(before.PositionOf(w), after.PositionOf(w)));
        Assert.Equal((20, 30), (before.PositionOf(18), after.PositionOf(18)));
    }

    [Fact]
    public void Before_CutsAStretchWhereThePositionIs() =>
        Assert.Equal([new PositionGap(3, 5), new PositionGap(20, 22)], PositionMap.Before(new PositionMap([Stretch(20, 30), Stretch(3, 5)]).Gaps, 22));

    internal static LeftOutWindows Stretch(long from, long to) => new() { From = from, To = to, FirstStep = 1, LastStep = 1, Attempt = 1 };
}
