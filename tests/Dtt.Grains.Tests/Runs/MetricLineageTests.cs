using Dtt.Core.Runs;
using Dtt.Grains.Runs;

namespace Dtt.Grains.Tests.Runs;

public sealed class MetricLineageTests
{
    [Fact]
    public void Curve_AfterAReplay_HasEachStepOnceAndTakesTheLaterAttempt()
    {
        var curve = Curve([(1, 0), (2, 3)], (1, [1, 2, 3, 4, 5]), (2, [4, 5, 6]));
        Assert.Equal([1, 2, 3, 4, 5, 6], curve.Select(r => r.Step));
        Assert.Equal([1, 1, 1, 2, 2, 2], curve.Select(r => r.Values["x"]));
    }

    [Fact]
    public void Curve_OfAnAttemptThatNeverStarted_ChangesNothing() =>
        Assert.Equal([1, 1], Curve([(1, 0), (2, null)], (1, [1, 2]), (2, [])).Select(r => r.Values["x"]));

    [Fact]
    public void Curve_ALaterAttemptFromFurtherBack_CutsBothBefore() =>
        Assert.Equal([1, 3, 3], Curve([(1, 0), (2, 2), (3, 1)], (1, [1, 2, 3]), (2, [3, 4]), (3, [2, 3])).Select(r => r.Values["x"]));

    [Fact]
    public void Curve_ARowDeliveredTwice_CountsOnce() =>
        Assert.Equal([1, 2], Curve([(1, 0)], (1, [1, 2, 2, 1])).Select(r => r.Step));

    private static IReadOnlyList<StepMetrics> Curve((int Attempt, long? From)[] attempts, params (int Attempt, long[] Steps)[] rows) => MetricLineage.Curve(
        [.. attempts.Select(a => new RunAttempt { Attempt = a.Attempt, StartedAt = default, FromStep = a.From })],
        attempt => rows.Single(r => r.Attempt == attempt).Steps.Select(s => new StepMetrics(s, new Dictionary<string, double> { ["x"] = attempt })));
}
