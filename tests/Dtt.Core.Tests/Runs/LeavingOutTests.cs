using Dtt.Core.Ranks;
using Dtt.Core.Runs;

namespace Dtt.Core.Tests.Runs;

public sealed class LeavingOutTests
{
    private static readonly DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly NodeRef _node = new("n1", "1");
    private static readonly HashSet<long> _noLeases = [];

    [Fact]
    public void Skip_OfStepsThatAreDone_GoesBackToTheCheckpointBeforeThem()
    {
        var state = Committed(10, 20, 30);
        var decision = RunDecider.Decide(state, Skip(15, 16), _noLeases, _now);
        var next = decision.State;
        Assert.Equal([10L], next.Record!.Checkpoints.Select(c => c.Step));
        Assert.Equal(["step_00000020.a01", "step_00000030.a01"], next.ToDelete);
        Assert.Equal((15L, RunState.Running), (next.LeavesOutFrom!.Value, next.Record.State));
        var leftOut = Assert.Single(next.Record.LeftOut!);
        Assert.Equal((56, 64, 2), (leftOut.From, leftOut.To, leftOut.Attempt)); // 4 windows a step
        Assert.Equal("the windows of steps 15–16 (positions 56–63) are left out, as was asked; the run goes back to step 10", next.Events[^1].Event.Message);
        Assert.Contains(new RunEffect.StopRank(_node, 1), decision.Effects);
        Assert.Contains(new RunEffect.StopRank(_node, 1), RunDecider.Pending(next)); // an effect that was lost is done again

        // What the ranks save on their way out saw these windows.
        var late = RunDecider.Decide(next, new RunInput.Commit(RunDeciderTests.Checkpoint(33, 1)), _noLeases, _now);
        Assert.Equal((false, "it was trained on windows that are left out, those from step 15 on"), (late.Commit!.Accepted, late.Commit.Reason));
        Assert.Equal([10L], late.State.Record!.Checkpoints.Select(c => c.Step));

        var refused = new RankFailed("the checkpoint of step 33 was refused", 75);
        var recovering = Decide(late.State, new RunInput.Ended(_node, new AttemptEnd(1, refused, null)));
        Assert.Equal((RunState.Recovering, null), (recovering.Record!.State, recovering.LeavesOutFrom));
        Assert.Equal("continuing with attempt 2 from step 10", recovering.Events[^1].Event.Message);
        var second = Decide(recovering, new RunInput.Granted([new Placement(_node, ["cpu"], 0)], 2));
        var spec = TrainSpec.Of(second, "/r", second.Placements[0]);
        Assert.Equal((10L, second.Record!.LeftOut), (Assert.Single(spec.ResumeFrom).Step, spec.LeftOut));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Skip_WhileAnAttemptStarts_LeavesItTheCheckpointsThatItWasToldOf_UntilItHasStartedOrEnded(bool starts)
    {
        static IEnumerable<string> Deleted(IEnumerable<RunEffect> effects) => effects.OfType<RunEffect.DeleteCheckpoints>().SelectMany(d => d.Folders);
        var state = Decide(Committed(10, 20), new RunInput.Ended(_node, new AttemptEnd(1, null, CauseCard.Of(DeathKind.Rank, "killed"))));
        state = Decide(state, new RunInput.Granted([new Placement(_node, ["cpu"], 0)], 2));
        Assert.Equal([20L, 10L], TrainSpec.Of(state, "/r", state.Placements[0]).ResumeFrom.Select(c => c.Step));
        var skip = RunDecider.Decide(state, Skip(15, 16), _noLeases, _now);
        Assert.Equal(["step_00000020.a01"], skip.State.ToDelete);
        Assert.Empty(Deleted([.. skip.Effects, .. RunDecider.Pending(skip.State)]));

        var next = Decide(skip.State, starts ? new RunInput.Reported(2, 1, [RunDeciderTests.Started(from: 20)])
            : new RunInput.Ended(_node, new AttemptEnd(2, null, CauseCard.Of(DeathKind.Rank, "killed"))));
        Assert.Equal([10L], next.Record!.Checkpoints.Select(c => c.Step));
        Assert.Equal(["step_00000020.a01"], Deleted(RunDecider.Pending(next)));
    }

    [Fact]
    public void Skip_OfStepsToCome_TakesWhatTheRanksSaveBeforeThem()
    {
        var state = Decide(Committed(10), Skip(40, 41));
        const string said = "the windows of steps 40–41 (positions 156–163) are left out, as was asked; the next attempt goes on from step 10, or a "
            + "later one before them";
        Assert.Equal(said, state.Events[^1].Event.Message);
        state = Decide(state, new RunInput.Commit(RunDeciderTests.Checkpoint(12, 1)));
        Assert.Equal(12, state.Record!.Latest!.Step);
        state = Decide(state, new RunInput.Ended(_node, new AttemptEnd(1, new RankFinished(12, Completed: false), null)));
        Assert.Equal((RunState.Recovering, "continuing with attempt 2 from step 12"), (state.Record!.State, state.Events[^1].Event.Message));
    }

    [Fact]
    public void Skip_OfACompleteRun_LetsItGoOn_AndAStopThatWasAskedForStays()
    {
        var complete = Decide(Committed(50, 100), new RunInput.Ended(_node, new AttemptEnd(1, new RankFinished(100, Completed: true), null)));
        var back = Decide(complete, Skip(60, 60));
        Assert.Equal((RunState.Interrupted, 50L, null), (back.Record!.State, back.Record.Latest!.Step, back.LeavesOutFrom));
        Assert.Null(RunDecider.Decide(back, new RunInput.Resume(new Dictionary<string, string>()), _noLeases, _now).Refusal);

        var stopping = Decide(Decide(Committed(50), new RunInput.Stop()), Skip(60, 60));
        var stopped = Decide(stopping, new RunInput.Ended(_node, new AttemptEnd(1, new RankFinished(55, Completed: false), null)));
        Assert.Equal((RunState.Stopped, null), (stopped.Record!.State, stopped.LeavesOutFrom));
    }

    [Theory]
    [InlineData(5, 5, "there is no checkpoint from before step 5 to go back to; it has 10, 20, so that steps from 11 on can be left out")]
    [InlineData(0, 5, "steps are counted from 1, and the first comes before the last")]
    [InlineData(9, 8, "steps are counted from 1, and the first comes before the last")]
    [InlineData(99, 101, "it has 100 steps, and step 101 is behind the last")]
    [InlineData(15, 15, "its checkpoint of step 20, which is pinned, saw these windows and would go; unpin it with `dtt pin r@20 --off`")]
    public void Skip_ThatMakesNoSense_IsRefused(long first, long last, string reason)
    {
        var state = Decide(Committed(10, 20), new RunInput.Pin(20, Pinned: true));
        var decision = RunDecider.Decide(state, Skip(first, last), _noLeases, _now);
        Assert.Equal(reason, decision.Refusal);
        Assert.Same(state, decision.State);
    }

    [Fact]
    public void Skip_OfARunThatHasNotBegun_OrWhoseCheckpointIsRead_IsRefused()
    {
        var created = Decide(new DurableRun(), new RunInput.Create("r", RunDeciderTests.Request()));
        Assert.Contains("has not begun", RunDecider.Decide(created, Skip(1, 1), _noLeases, _now).Refusal);
        Assert.Contains("is being read", RunDecider.Decide(Committed(10, 20), Skip(15, 15), new HashSet<long> { 20 }, _now).Refusal);
        Assert.Null(RunDecider.Decide(Committed(10, 20), Skip(15, 15), new HashSet<long> { 10 }, _now).Refusal);
    }

    [Fact]
    public void Skip_Twice_LeavesOutWhatTheLogShowsOnce_UntilTheStepsHaveOtherWindows()
    {
        var once = Decide(Committed(10), Skip(15, 16, (1, 30)));
        var again = RunDecider.Decide(once, Skip(15, 16, (1, 30)), _noLeases, _now);
        Assert.Equal((true, null), (again.Accepted, again.Refusal));
        Assert.Same(once, again.State);

        // Of a stretch that overlaps only the rest, which has moved up: no checkpoint that saw it is taken either.
        var more = Decide(once, Skip(16, 18, (1, 30)));
        Assert.Equal([(56, 64, 15), (64, 72, 15)], more.Record!.LeftOut!.Select(l => (l.From, l.To, l.FirstStep)));
        Assert.Equal(15, more.LeavesOutFrom);
        Assert.StartsWith("the windows of steps 15–16 (positions 64–71) are left out, as was asked (they were among those of steps 16–18 before others were "
            + "left out); the next attempt goes on from step 10", more.Events[^1].Event.Message);
        Assert.Same(more, Decide(more, Skip(15, 18, (1, 30))));

        var second = NextAttempt(more, 2);
        Assert.Same(second, Decide(second, Skip(15, 16, (1, 30))));
        Assert.Same(second, Decide(second, Skip(15, 16, (1, 30), (2, 14)))); // the log of these steps is the first's
        var other = Decide(second, Skip(15, 15, (1, 30), (2, 15)));
        Assert.Equal((72, 76), (other.Record!.LeftOut![^1].From, other.Record.LeftOut[^1].To)); // of the windows that it has now
    }

    [Fact]
    public void Skip_OfStepsToCome_Twice_LeavesThemOutOnce()
    {
        var once = Decide(Decide(Committed(10), Skip(40, 41, (1, 12))), Skip(60, 60, (1, 12)));
        var second = NextAttempt(once, 2);
        Assert.Same(second, Decide(second, Skip(40, 41, (1, 12), (2, 20))));
        Assert.Same(second, Decide(second, Skip(60, 60, (1, 12), (2, 20))));
        var third = Decide(second, Skip(60, 60, (1, 12), (2, 45))); // it has gone past the first gap, but not past the second
        Assert.Equal((61 * 4, 62 * 4), (third.Record!.LeftOut![^1].From, third.Record.LeftOut[^1].To));
    }

    /// <summary>Attempts that come to any step, and skips of what the log of the newest of them shows: those very windows are left out.</summary>
    [Fact]
    public void Skip_LeavesOutWhatTheLogShows_HoweverManyAttemptsThereWere()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var (state, left, log, numbering) = (Committed(10), new SortedSet<long>(), new List<(int Attempt, long Last)>(), new List<long[]>());
            for (var attempt = 1; attempt <= 5; attempt++)
            {
                if (attempt > 1) state = NextAttempt(state, attempt);
                numbering.Add([.. Enumerable.Range(1, 100).Select(step => (long)step).Where(step => !left.Contains(step))]);
                log.Add((attempt, random.Next(12, 50)));
                var done = left.Count;
                while (left.Count == done || random.Next(2) == 0)
                {
                    var first = random.NextInt64(11, log.Max(l => l.Last) + 1);
                    var last = first + random.Next(4);
                    var shown = numbering[log.Last(l => l.Last >= first).Attempt - 1];
                    for (var step = first; step <= last; step++) left.Add(shown[step - 1]);
                    state = Decide(state, Skip(first, last, [.. log]));
                }
            }

            var positions = new PositionMap(state.Record!.LeftOut).Gaps.SelectMany(g => Enumerable.Range((int)g.From, (int)(g.To - g.From)));
            Assert.Equal(left.SelectMany(step => Enumerable.Range((int)(step - 1) * 4, 4)), positions); // 4 windows a step
        }
    }

    [Fact]
    public void Ended_WithASpike_LeavesItsWindowsOut_AndGoesBack_InOneWrite()
    {
        var state = Committed(config: "keep: 2\nspike:\n  sigma: 6\n  skip: 2\n", 10, 20);
        var spiked = new RankFinished(27, Completed: false) { Spike = new LossSpike(27, 9.125, 5) };
        var next = Decide(state, new RunInput.Ended(_node, new AttemptEnd(1, spiked, null)));
        Assert.Equal((RunState.Recovering, 20L), (next.Record!.State, next.Record.Latest!.Step));
        var leftOut = Assert.Single(next.Record.LeftOut!);
        Assert.Equal((27, 29, 104, 116, true), (leftOut.FirstStep, leftOut.LastStep, leftOut.From, leftOut.To, leftOut.Spike));
        string[] said =
        [
            "step 27: the loss 9.1250 is a spike, above 5.0000; the windows of steps 27–29 (positions 104–115) are left out, and the run goes back to step 20",
            "continuing with attempt 2 from step 20",
        ];
        Assert.Equal(said, next.Events.TakeLast(2).Select(e => e.Event.Message));
        Assert.Same(next, Decide(next, new RunInput.Ended(_node, new AttemptEnd(1, spiked, null)))); // said twice
    }

    [Fact]
    public void State_OfARunThatLeavesNothingOut_SaysNothingOfIt_AndOneThatDoesComesBack()
    {
        var plain = System.Text.Json.JsonSerializer.Serialize(new RunFile(RunFile.CurrentFormat, Committed(10)), RunJson.Default.RunFile);
        Assert.DoesNotContain("left_out", plain);
        Assert.DoesNotContain("leaves_out", plain);
        var skipped = Decide(Committed(10), Skip(15, 16));
        var text = System.Text.Json.JsonSerializer.Serialize(new RunFile(RunFile.CurrentFormat, skipped), RunJson.Default.RunFile);
        var read = System.Text.Json.JsonSerializer.Deserialize(text, RunJson.Default.RunFile)!.Run;
        Assert.Equal((15L, skipped.Record!.LeftOut!.Single()), (read.LeavesOutFrom!.Value, read.Record!.LeftOut!.Single()));
    }

    [Fact]
    public void SpikeRules_EndAtOneStepAndInARun()
    {
        var three = Enumerable.Repeat(PositionMapTests.Stretch(0, 1) with { FirstStep = 9, Spike = true }, 3).ToList();
        Assert.Null(SpikeRules.WhyNotLeftOut(three, 10));
        Assert.Null(SpikeRules.WhyNotLeftOut([.. three.Take(2)], 9));
        Assert.Null(SpikeRules.WhyNotLeftOut([.. three.Select(l => l with { Spike = false })], 9));
        Assert.Contains("left out 3 times already", SpikeRules.WhyNotLeftOut(three, 9));
        var many = Enumerable.Range(1, 20).Select(s => three[0] with { FirstStep = s }).ToList();
        Assert.Contains("went back 20 times", SpikeRules.WhyNotLeftOut(many, 30));
    }

    private static RunInput.Skip Skip(long first, long last, params (int Attempt, long Last)[] log) =>
        new(first, last, log.ToDictionary(l => l.Attempt, l => l.Last));

    /// <summary>An attempt is under way whose ranks were asked to leave: they leave, and the next begins at step 10.</summary>
    private static DurableRun NextAttempt(DurableRun state, int attempt)
    {
        state = Decide(state, new RunInput.Ended(_node, new AttemptEnd(attempt - 1, new RankFinished(12, Completed: false), null)));
        state = Decide(state, new RunInput.Granted([new Placement(_node, ["cpu"], 0)], attempt));
        return Decide(state, new RunInput.Reported(attempt, 1, [RunDeciderTests.Started() with { FromStep = 10 }]));
    }

    private static DurableRun Committed(params long[] steps) => Committed("keep: 9\n", steps);

    private static DurableRun Committed(string config, params long[] steps)
    {
        var state = Decide(new DurableRun(), new RunInput.Create("r", RunDeciderTests.Request() with { ConfigYaml = config }));
        state = Decide(state, new RunInput.Granted([new Placement(_node, ["cpu"], 0)], 1));
        state = Decide(state, new RunInput.Reported(1, 1, [RunDeciderTests.Started()]));
        return steps.Aggregate(state, (s, step) => Decide(s, new RunInput.Commit(RunDeciderTests.Checkpoint(step, 1))));
    }

    private static DurableRun Decide(DurableRun state, RunInput input) => RunDecider.Decide(state, input, _noLeases, _now).State;
}
