using Dtt.Core.Runs;

namespace Dtt.Core.Tests.Runs;

public sealed class GoodputTests
{
    private static readonly DateTimeOffset _created = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Of_ARunThatDiedOnce_AccountsForEverySecond()
    {
        var goodput = Of(400,
        [
            Attempt(1, 10, 110, RunState.Recovering, Card(DeathKind.Rank), nodes: 2),
            Attempt(2, 115, 400, RunState.Completed),
        ], [(30, EventKinds.Started), (110, EventKinds.Died), (110, EventKinds.Recovering), (125, EventKinds.Started), (400, EventKinds.Completed)],
        [new(50, 15, 5), new(250, 0, 10)], RunState.Completed);
        Assert.Equal((400.0, 300.0, 0.75), (goodput.Seconds, goodput.UsefulSeconds, goodput.Share));
        Assert.Equal(new Dictionary<LostTime, double>
        {
            [LostTime.Waiting] = 10,
            [LostTime.Starting] = 30,
            [LostTime.Again] = 15,
            [LostTime.Saving] = 15,
            [LostTime.RankDeath] = 5,
            [LostTime.Other] = 25,
        }, goodput.LostSeconds);
        Assert.Equal((100 * 2 + 285) / 3600.0, goodput.NodeHours, 1e-9);
    }

    [Theory]
    [InlineData(DeathKind.Rank, false, LostTime.RankDeath)]
    [InlineData(DeathKind.Peer, false, LostTime.RankDeath)]
    [InlineData(DeathKind.Rank, true, LostTime.Hang)]
    [InlineData(DeathKind.Outside, false, LostTime.Kill)]
    [InlineData(DeathKind.Silo, false, LostTime.SiloDeath)]
    [InlineData(null, false, LostTime.Move)]
    public void Of_ARunThatRecovers_SaysAfterWhat(DeathKind? kind, bool hung, LostTime expected)
    {
        var cause = kind is { } known ? Card(known) with { Hung = hung } : null;
        var goodput = Of(27, [Attempt(1, 0, 20, kind == DeathKind.Silo ? RunState.Interrupted : RunState.Recovering, cause)],
            [(0, EventKinds.Started)], [new(20, 0, 0)], RunState.Recovering);
        Assert.Equal(7, goodput.LostSeconds[expected]);
        Assert.Single(goodput.LostSeconds);
    }

    [Fact]
    public void Of_ARunThatWasStopped_LeavesThatTimeOut_ButNotTheQueueAfterItsResume()
    {
        var goodput = Of(5000, [Attempt(1, 0, 100, RunState.Stopped), Attempt(2, 1040, 1140, RunState.Stopped)],
            [(0, EventKinds.Started), (100, EventKinds.Stopped), (1000, EventKinds.Resumed), (1040, EventKinds.Started), (1140, EventKinds.Stopped)],
            [new(100, 0, 0), new(100, 0, 0)], RunState.Stopped);
        Assert.Equal((240.0, 200.0), (goodput.Seconds, goodput.UsefulSeconds));
        Assert.Equal(40, goodput.LostSeconds[LostTime.Waiting]);
    }

    [Fact]
    public void Of_ARunThatWasStoppedInTheQueue_WaitedUntilThen()
    {
        var goodput = Of(900, [], [(60, EventKinds.Stopped)], [], RunState.Stopped);
        Assert.Equal((60.0, 0.0), (goodput.Seconds, goodput.Share));
    }

    [Fact]
    public void Of_AnAttemptThatNeverGotReady_IsAllStarting()
    {
        var goodput = Of(50, [Attempt(1, 10, null, null) with { FromStep = null }], [], [default], RunState.Preparing);
        Assert.Equal((10.0, 40.0), (goodput.LostSeconds[LostTime.Waiting], goodput.LostSeconds[LostTime.Starting]));
    }

    [Fact]
    public void Of_AnAdoptedRun_LeavesOutTheTimeThatNobodyHadIt()
    {
        var goodput = Of(10_020, [Attempt(1, 0, 10_000, RunState.Interrupted), Attempt(2, 10_000, null, null)],
            [(0, EventKinds.Started), (80, EventKinds.Committed), (9000, EventKinds.Adopted), (9990, EventKinds.Resumed), (10_000, EventKinds.Started)],
            [new(70, 5, 0), new(20, 0, 0)], RunState.Running);
        Assert.Equal((110.0, 90.0), (goodput.Seconds, goodput.UsefulSeconds));
    }

    private static CauseCard Card(DeathKind kind) => CauseCard.Of(kind, "it died");

    private static DateTimeOffset At(double seconds) => _created.AddSeconds(seconds);

    private static RunAttempt Attempt(int number, double start, double? end, RunState? state, CauseCard? cause = null, int nodes = 1) => new()
    {
        Attempt = number,
        StartedAt = At(start),
        FromStep = 0,
        Nodes = nodes,
        EndedAt = end is { } at ? At(at) : null,
        EndState = state,
        Cause = cause,
    };

    private static Goodput Of(
        double now, RunAttempt[] attempts, (double At, string Kind)[] events, AttemptSeconds[] sums, RunState state) => Goodput.Of(
        new RunRecord { Version = 1, Run = "r", State = state, CreatedAt = _created, Attempts = attempts },
        [.. events.Select(e => new RunEvent(At(e.At), e.Kind, ""))], sums, At(now));
}
