using Dtt.Core.Ranks;
using Dtt.Core.Runs;

namespace Dtt.Core.Tests.Runs;

public sealed class RecoveryRulesTests
{
    private static readonly CauseCard _fault = Fault(RankPhase.Train, 7);
    private static readonly CauseCard _kill = CauseCard.Of(DeathKind.Outside, "the rank was killed by signal 9");

    [Theory]
    [InlineData(true)]                                                                                        // the first death
    [InlineData(true, RunState.Recovering)]                                                                   // the second in a row
    [InlineData(false, RunState.Recovering, RunState.Recovering)]                                             // the third
    [InlineData(true, RunState.Recovering, RunState.Recovering, RunState.Interrupted)] // its owner was killed: that says nothing of the rank
    [InlineData(true, RunState.Recovering, RunState.Recovering, RunState.Failed)]                             // resumed by hand
    public void Decide_CountsDeathsInARow(bool recovers, params RunState[] before) =>
        Assert.Equal(recovers, RecoveryRules.Decide(Record(before, committedBy: []), _fault).Delay is not null);

    [Fact]
    public void Decide_AnAttemptThatCommitted_StartsTheCountAnew()
    {
        RunState[] before = [RunState.Recovering, RunState.Recovering, RunState.Recovering];
        Assert.NotNull(RecoveryRules.Decide(Record(before, committedBy: [3]), _fault).Delay);
        Assert.NotNull(RecoveryRules.Decide(Record(before, committedBy: [4]), _fault).Delay);
        Assert.Null(RecoveryRules.Decide(Record(before, committedBy: [1]), _fault).Delay);
    }

    [Fact]
    public void Decide_DeathsFromOutside_AreNoLoop_HoweverMany()
    {
        var record = Record(_kill, count: 40);
        Assert.NotNull(RecoveryRules.Decide(record, _kill).Delay);
        Assert.NotNull(RecoveryRules.Decide(record, _fault).Delay); // the first of its kind
    }

    [Fact]
    public void Decide_DeathsAtOtherStepsAndPhases_AreNoLoop()
    {
        CauseCard[] causes = [.. Enum.GetValues<RankPhase>().SelectMany(p => new[] { Fault(p, (int)p * 2), Fault(p, (int)p * 2 + 1) })];
        for (var count = 1; count <= causes.Length; count++)
            Assert.NotNull(RecoveryRules.Decide(Record(causes[..(count - 1)]), causes[count - 1]).Delay);
    }

    [Theory]
    [InlineData(RankPhase.Init, false)] // they never found each other
    [InlineData(RankPhase.Train, true)] // a network that fails says nothing about the run
    public void Decide_LostPeers_AreALoopOnlyWhereTheyNeverMet(RankPhase phase, bool recovers)
    {
        var lost = CauseCard.Of(DeathKind.Peer, "rank 1 disappeared") with { Phase = phase };
        Assert.Equal(recovers, RecoveryRules.Decide(Record(lost, count: 2), lost).Delay is not null);
    }

    [Fact]
    public void Decide_DeathsAtOneStep_AreALoop_WhateverThePhase()
    {
        var decision = RecoveryRules.Decide(Record(Fault(RankPhase.Train, 7), Fault(RankPhase.Save, 7)), Fault(RankPhase.Evaluate, 7));
        Assert.Null(decision.Delay);
        Assert.Equal("giving up: 3 attempts died in phase evaluate, and none since has committed a step after step 0", decision.Reason);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 4)]
    [InlineData(30, 60)]
    public void Decide_WaitsLongerAfterEveryDeathInARow(int before, int seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), RecoveryRules.Decide(Record(_kill, before), _kill).Delay);

    private static CauseCard Fault(RankPhase phase, long step) =>
        CauseCard.Of(DeathKind.Rank, "the rank ended with exit code 1") with { Phase = phase, Step = step };

    private static RunRecord Record(CauseCard cause, int count) => Record([.. Enumerable.Repeat(cause, count)]);

    private static RunRecord Record(params CauseCard[] causes)
    {
        var record = Record([.. causes.Select(_ => RunState.Recovering)], committedBy: []);
        return record with { Attempts = [.. record.Attempts.Select((a, i) => a with { Cause = causes.ElementAtOrDefault(i) })] };
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
