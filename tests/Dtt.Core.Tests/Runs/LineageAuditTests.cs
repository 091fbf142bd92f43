using Dtt.Core.Runs;

namespace Dtt.Core.Tests.Runs;

public sealed class LineageAuditTests
{
    [Fact]
    public void Of_ARunThatDiedAndReplayed_IsSoundAndListsTheReplay()
    {
        var audit = Audit(30, (1, 0, Steps(1, 14)), (2, 10, Steps(11, 23)), (3, 20, Steps(21, 30)));
        Assert.Empty(audit.Problems);
        string[] replays =
        [
            "steps 11–14 of attempt 1 were not committed and run again from step 10",
            "steps 21–23 of attempt 2 were not committed and run again from step 20",
        ];
        Assert.Equal(replays, audit.Replays);
    }

    [Fact]
    public void Of_APlantedGap_NamesTheStep()
    {
        var audit = Audit(20, (1, 0, [.. Steps(1, 6), .. Steps(8, 20)]));
        Assert.Contains("step 7 was never trained in the lineage of step 20", audit.Problems);
    }

    [Fact]
    public void Of_APlantedRepeat_NamesTheStep()
    {
        var audit = Audit(20, (1, 0, [.. Steps(1, 10), .. Steps(10, 20)]));
        Assert.Contains("step 10 was trained by attempt 1 and again by attempt 1", audit.Problems);
    }

    [Fact]
    public void Of_AnAttemptThatStartedTooLate_NamesTheMissingSteps()
    {
        var audit = Audit(20, (1, 0, Steps(1, 10)), (2, 12, Steps(13, 20)));
        Assert.Equal(["step 11 was never trained in the lineage of step 20", "step 12 was never trained in the lineage of step 20"], audit.Problems);
    }

    [Fact]
    public void Of_WindowsThatAreLeftOut_NamesAStepThatCountsAndSawThem()
    {
        var leftOut = PositionMapTests.Stretch(56, 64) with { FirstStep = 15, LastStep = 16, Attempt = 2 };
        var sound = Audit(30, [leftOut], (1, 0, Steps(1, 23)), (2, 10, Steps(11, 30)));
        Assert.Empty(sound.Problems);
        Assert.Equal(["steps 11–23 of attempt 1 were given up with windows that are left out and run again from step 10"], sound.Replays);
        var wrong = Audit(30, [leftOut], (1, 0, Steps(1, 20)), (2, 20, Steps(21, 30)));
        Assert.Equal(["step 15 was trained by attempt 1, and the windows of steps 15–16 (positions 56–63) are left out since attempt 2"], wrong.Problems);
    }

    private static List<long> Steps(long first, long last) => [.. Enumerable.Range((int)first, (int)(last - first + 1)).Select(s => (long)s)];

    private static AuditResult Audit(long committed, params (int Attempt, long From, List<long> Steps)[] attempts) => Audit(committed, null, attempts);

    private static AuditResult Audit(long committed, IReadOnlyList<LeftOutWindows>? leftOut, params (int Attempt, long From, List<long> Steps)[] attempts) =>
        LineageAudit.Of(
        new RunRecord
        {
            Version = 1,
            Run = "r",
            State = RunState.Completed,
            CreatedAt = default,
            LeftOut = leftOut,
            Attempts = [.. attempts.Select(a => new RunAttempt { Attempt = a.Attempt, StartedAt = default, FromStep = a.From })],
            Checkpoints =
            [
                new CommittedCheckpoint { Step = committed, Attempt = attempts[^1].Attempt, ManifestSha256 = "m", WeightsSha256 = "w", SizeBytes = 1 },
            ],
        },
        attempt => attempts.Single(a => a.Attempt == attempt).Steps);
}
