using Dtt.Core.Runs;

namespace Dtt.Core.Tests.Runs;

public sealed class RecoveryRulesTests
{
    [Theory]
    [InlineData(true)]                                                                                        // the first death
    [InlineData(true, RunState.Recovering)]                                                                   // the second in a row
    [InlineData(false, RunState.Recovering, RunState.Recovering)]                                             // the third
    [InlineData(true, RunState.Recovering, RunState.Recovering, RunState.Interrupted)] // its owner was killed: that says nothing of the rank
    [InlineData(true, RunState.Recovering, RunState.Recovering, RunState.Failed)]                             // resumed by hand
    public void Decide_CountsDeathsInARow(bool recovers, params RunState[] before) =>
        Assert.Equal(recovers, RecoveryRules.Decide(Record(before, committedBy: [])).Recover);

    [Fact]
    public void Decide_AnAttemptThatCommitted_StartsTheCountAnew()
    {
        RunState[] before = [RunState.Recovering, RunState.Recovering, RunState.Recovering];
        Assert.True(RecoveryRules.Decide(Record(before, committedBy: [3])).Recover);
        Assert.True(RecoveryRules.Decide(Record(before, committedBy: [4])).Recover);
        Assert.False(RecoveryRules.Decide(Record(before, committedBy: [1])).Recover);
    }

    private static RunRecord Record(RunState[] before, int[] committedBy) => new()
    {
        Version = 1,
        Run = "r",
        State = RunState.Running,
        CreatedAt = default,
        Attempts = [.. before.Select(s => (RunState?)s).Append(null).Select(Attempt)],
        Checkpoints = [.. committedBy.Select(Checkpoint)],
    };

    private static RunAttempt Attempt(RunState? end, int index) => new() { Attempt = index + 1, StartedAt = default, EndState = end };

    private static CommittedCheckpoint Checkpoint(int attempt) =>
        new() { Step = attempt * 10, Attempt = attempt, ManifestSha256 = "m", WeightsSha256 = "w", SizeBytes = 1 };
}
