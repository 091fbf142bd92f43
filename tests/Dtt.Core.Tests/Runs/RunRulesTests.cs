using Dtt.Core.Ranks;
using Dtt.Core.Runs;

namespace Dtt.Core.Tests.Runs;

public sealed class RunRulesTests
{
    private static readonly DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [Fact]
    public void Commit_SameAttemptAndStepTwice_IsAcceptedTwiceAndStoredOnce()
    {
        var (first, _) = RunRules.Commit(Running(), Checkpoint(10, 1));
        var (second, reply) = RunRules.Commit(first, Checkpoint(10, 1));
        Assert.True(reply.Accepted);
        Assert.Single(second.Checkpoints);
    }

    [Fact]
    public void Commit_SameStepWithAnotherManifest_IsRefused()
    {
        var (first, _) = RunRules.Commit(Running(), Checkpoint(10, 1));
        var (_, reply) = RunRules.Commit(first, Checkpoint(10, 1) with { ManifestSha256 = "other" });
        Assert.False(reply.Accepted);
    }

    [Fact]
    public void Commit_OfAnOldAttempt_IsRefused()
    {
        var second = RunRules.BeginAttempt(Running(), _now);
        var (record, reply) = RunRules.Commit(second, Checkpoint(10, 1));
        Assert.False(reply.Accepted);
        Assert.Equal("attempt 1 is over; attempt 2 is current", reply.Reason);
        Assert.Equal(second, record);
    }

    [Fact]
    public void Commit_OfAnEarlierStep_IsRefused()
    {
        var (first, _) = RunRules.Commit(Running(), Checkpoint(10, 1));
        Assert.False(RunRules.Commit(first, Checkpoint(9, 1)).Reply.Accepted);
    }

    [Fact]
    public void BeginAttempt_AfterACrash_EndsTheOpenAttemptAndNeverReusesItsNumber()
    {
        var record = RunRules.BeginAttempt(Running(), _now);
        Assert.Equal([1, 2], record.Attempts.Select(a => a.Attempt));
        Assert.NotNull(record.Attempts[0].EndedAt);
        Assert.Null(record.Attempts[1].FromStep);
    }

    [Fact]
    public void Started_FromAnEarlierCheckpoint_ForgetsTheNewerUnreadableOne()
    {
        var record = RunRules.Commit(RunRules.Commit(Running(), Checkpoint(10, 1)).Record, Checkpoint(20, 1)).Record;
        record = RunRules.Started(RunRules.BeginAttempt(record, _now), 2, Ready(10));
        Assert.Equal([10], record.Checkpoints.Select(c => c.Step));
        Assert.True(RunRules.Commit(record, Checkpoint(20, 2)).Reply.Accepted);
    }

    [Fact]
    public void Started_FreezesTheGlobalBatchAndTheTokensOfTheFirstAttempt()
    {
        var record = RunRules.Started(RunRules.BeginAttempt(Running(), _now), 2, Ready(0, "new") with { Plan = new RunPlan(50, 8, 128) });
        Assert.Equal((4, 64, "first"), (record.GlobalBatchWindows, record.TokensPerStep, record.TokenData!.Sha256));
    }

    [Fact]
    public void Expired_KeepsTheNewestTheBestAndThePinned()
    {
        var record = Running() with
        {
            Checkpoints =
            [
                Checkpoint(1, 1) with { Pinned = true }, Checkpoint(2, 1) with { ValLoss = 1.0 }, Checkpoint(3, 1) with { ValLoss = 2.0 },
                Checkpoint(4, 1), Checkpoint(5, 1),
            ],
        };
        Assert.Equal([3], RunRules.Expired(record, keep: 2).Select(c => c.Step));
    }

    [Fact]
    public void EndAttempt_OfAnOldAttempt_ChangesNothing()
    {
        var second = RunRules.BeginAttempt(Running(), _now);
        Assert.Equal(second, RunRules.EndAttempt(second, 1, RunState.Failed, "late", _now));
    }

    private static RunRecord Running() => RunRules.Started(
        RunRules.BeginAttempt(new RunRecord { Version = 1, Run = "r", State = RunState.Queued, CreatedAt = _now }, _now),
        1, Ready(0));

    private static RankStarted Ready(long fromStep, string tokens = "first") => new()
    {
        FromStep = fromStep,
        Plan = new RunPlan(100, 4, 64),
        TokenData = new TokenIdentity(9, 1, tokens),
        Fingerprint = "f",
        Parameters = 1,
        Device = "cpu",
    };

    private static CommittedCheckpoint Checkpoint(long step, int attempt) =>
        new() { Step = step, Attempt = attempt, ManifestSha256 = $"m{step}.{attempt}", WeightsSha256 = "w", SizeBytes = 1 };
}
