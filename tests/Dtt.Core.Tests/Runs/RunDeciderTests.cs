using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;

namespace Dtt.Core.Tests.Runs;

public sealed class RunDeciderTests
{
    private static readonly DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly NodeRef _node = new("n1", "1"), _nextLife = new("n1", "2");
    private static readonly HashSet<long> _noLeases = [];

    [Fact]
    public void Create_Twice_IsRefusedTheSecondTime()
    {
        var created = Created();
        Assert.Equal(RunState.Queued, created.Record!.State);
        Assert.NotNull(RunDecider.Decide(created, new RunInput.Create("r", Request()), _noLeases, _now).Refusal);
    }

    [Fact]
    public void Pending_WhileQueued_IsAllThatItsCreationAsksFor()
    {
        var created = RunDecider.Decide(new DurableRun(), new RunInput.Create("r", Request()), _noLeases, _now);
        Assert.Equal(created.Effects, RunDecider.Pending(created.State));
    }

    [Fact]
    public void Events_OfOneWrite_AllStay_UntilTheNext()
    {
        var running = Running();
        var many = Enumerable.Range(0, 3 * DurableRun.MaxEvents).Select(i => new RankEvent("note", $"{i}")).ToList();
        var noted = Decide(running, new RunInput.Reported(1, 2, many));
        Assert.Equal(Enumerable.Range(2, many.Count), noted.Events.Where(e => e.Event.Kind == "note").Select(e => (int)e.Number));
        var next = Decide(noted, new RunInput.Reported(1, 3, [new RankEvent("note", "next")]));
        Assert.Equal((DurableRun.MaxEvents, noted.LastEvent + 1), (next.Events.Count, next.Events[^1].Number));
    }

    [Fact]
    public void Granted_Twice_BeginsOneAttemptAndLaunchesItAgain()
    {
        var first = Decide(Created(), Granted(_node, 1));
        var second = RunDecider.Decide(first, Granted(_node, 1), _noLeases, _now);
        Assert.Same(first, second.State);
        Assert.True(second.Accepted);
        Assert.Single(second.Effects.OfType<RunEffect.Launch>());
    }

    [Fact]
    public void Granted_ForAnAttemptThatIsOver_IsNotTaken() =>
        Assert.False(RunDecider.Decide(Running(), Granted(_nextLife, 1), _noLeases, _now).Accepted);

    [Fact]
    public void Reported_AgainUnderTheSameNumber_ChangesNothing()
    {
        var running = Running();
        var again = RunDecider.Decide(running, new RunInput.Reported(1, 1, [Started()]), _noLeases, _now);
        Assert.Same(running, again.State);
        Assert.True(again.Accepted);
    }

    [Fact]
    public void Reported_WithoutAnEvent_IsCountedInMemoryAlone()
    {
        var running = Running();
        var metrics = new RunInput.Reported(1, 2, [new MetricsReport([])]);
        var first = RunDecider.Decide(running, metrics, _noLeases, _now);
        Assert.Equal((false, 2), (first.Durable, first.State.LastReport));
        Assert.Same(first.State, Decide(first.State, metrics));
        Assert.True(RunDecider.Decide(running, new RunInput.Reported(1, 2, [new RankEvent("note", "n")]), _noLeases, _now).Durable);
    }

    [Fact]
    public void Commit_WithExpiredCheckpoints_MarksThemForDeletionInTheSameWrite_ButNotTheLeased()
    {
        var state = Running();
        foreach (var step in new long[] { 10, 20, 30 }) state = Decide(state, new RunInput.Commit(Checkpoint(step, 1)));
        var decision = RunDecider.Decide(state, new RunInput.Commit(Checkpoint(40, 1)), new HashSet<long> { 20 }, _now);
        Assert.True(decision.Commit!.Accepted);
        Assert.Equal([20, 30, 40], decision.State.Record!.Checkpoints.Select(c => c.Step));
        Assert.Equal(["step_00000010.a01"], decision.State.ToDelete);
        Assert.Equal(decision.State.ToDelete, decision.Effects.OfType<RunEffect.DeleteCheckpoints>().Single().Folders);
    }

    [Fact]
    public void Commit_OfAnAttemptThatIsOver_IsRefused()
    {
        var state = Decide(Running(), new RunInput.SiloDied(_node));
        Assert.False(RunDecider.Decide(state, new RunInput.Commit(Checkpoint(10, 1)), _noLeases, _now).Commit!.Accepted);
    }

    [Fact]
    public void Ended_WithoutAWord_Recovers_AndLateOrRepeatedWordsChangeNothing()
    {
        var recovering = Decide(Running(), new RunInput.Ended(_node, Died(1, "the rank was killed by signal 9")));
        Assert.Equal(RunState.Recovering, recovering.Record!.State);
        Assert.Equal(["started", "died", "recovering"], recovering.Events.Select(e => e.Event.Kind));
        Assert.Equal(new RunEffect.Enqueue(2), RunDecider.Pending(recovering).Single());
        Assert.Same(recovering, Decide(recovering, new RunInput.Ended(_node, Died(1, "again"))));
        Assert.Same(recovering, Decide(recovering, new RunInput.SiloDied(_node)));
    }

    [Fact]
    public void Ended_OnRequest_Stops_AndWithoutOne_GoesOnElsewhere()
    {
        var finished = new RunInput.Ended(_node, new AttemptEnd(1, new RankFinished(7, Completed: false), null));
        Assert.Equal(RunState.Stopped, Decide(Decide(Running(), new RunInput.Stop()), finished).Record!.State);
        Assert.Equal(RunState.Recovering, Decide(Running(), finished).Record!.State);
    }

    [Theory]
    [InlineData(4, 2, 1, 2, 2, 2, 1)] // batch_size 1, G = 2: begun with two GPUs of four
    [InlineData(4, 2, 2, 6, 4, 6, 3)] // begun with 2 + 4
    [InlineData(3, 3, 1, 2, 3, 3, 1)] // even the fewest are too many: the ranks refuse
    public void Wanted_IsNeverMoreRanksThanAStepHasMicroBatches(int ranks, int fewest, int nodes, int batch, int wanted, int most, int mostNodes)
    {
        var request = Request() with { ConfigYaml = $"ranks_per_node: {ranks}\nmin_ranks: {fewest}\nnodes: {nodes}\nbatch_size: 1\n" };
        var run = Running();
        Assert.Equal((wanted, most, mostNodes), (With(batch).Wanted.Ranks, With(batch).Wanted.MaxRanks, With(batch).Wanted.MaxNodes));
        Assert.Equal((ranks, int.MaxValue), (With(0).Wanted.Ranks, With(0).Wanted.MaxRanks));

        DurableRun With(int windows) => run with { Request = request, Record = run.Record! with { GlobalBatchWindows = windows } };
    }

    [Theory]
    [InlineData(3, true)]
    [InlineData(4, false)] // another node's ranks would have nothing to do
    public void WantsMoreNodes_OnlyForRanksThatHaveSomethingToDo(int ranks, bool wants)
    {
        var run = Running() with
        {
            Request = Request() with { ConfigYaml = "ranks_per_node: 4\nmin_ranks: 1\nnodes: all\nbatch_size: 1\n" },
            Placements = [new Placement(_node, [.. Enumerable.Range(0, ranks).Select(r => $"gpu:{r}")], 0)],
        };
        Assert.Equal(wants, run.WantsMoreNodes);
    }

    [Fact]
    public void SiloDied_OfAnotherLife_ChangesNothing()
    {
        var running = Running();
        Assert.Same(running, Decide(running, new RunInput.SiloDied(_nextLife)));
    }

    [Fact]
    public void SiloDied_DoesNotCountAsADeathOfTheRank()
    {
        var state = Created();
        for (var attempt = 1; attempt <= 5; attempt++)
        {
            state = Decide(state, Granted(_node, attempt));
            state = Decide(state, new RunInput.SiloDied(_node));
            Assert.Equal(RunState.Recovering, state.Record!.State);
        }
    }

    [Theory]
    [InlineData("gpu:0", true)]
    [InlineData("cpu", false)]
    public void Wanted_AfterAnAttemptOnGpus_SaysSo(string device, bool expected)
    {
        var state = Decide(Created(), new RunInput.Granted([new Placement(_node, [device], 0)], 1));
        state = Decide(state, new RunInput.SiloDied(_node));
        Assert.Equal((expected, RunState.Recovering), (state.Wanted.LastOnGpus, state.Record!.State));
    }

    [Fact]
    public void Ended_WithWhatMayPass_IsNotTheRunsFault_HoweverOften()
    {
        var busy = new AttemptEnd(1, new RankFailed("another rank holds the device (gpu-0.lock): end it, or wait for it.", ExitCodes.Requeue), null);
        var state = Decide(Running(), new RunInput.Ended(_node, busy));
        for (var attempt = 2; attempt <= 6; attempt++)
        {
            Assert.Equal(RunState.Recovering, state.Record!.State);
            state = Decide(state, Granted(_node, attempt));
            state = Decide(state, new RunInput.Ended(_node, busy with { Attempt = attempt }));
        }

        var cause = state.Record!.Attempts[^1].Cause!;
        Assert.Equal((DeathKind.Outside, _node.Node), (cause.Kind, cause.Node));
        Assert.Equal("another rank holds the device (gpu-0.lock): end it, or wait for it", cause.How);
    }

    [Fact]
    public void Resume_OfAFailedRun_TakesTheEnvironmentOfWhoeverAsks()
    {
        var failed = Decide(Running(), new RunInput.Ended(_node, new AttemptEnd(1, new RankFailed("no", 3), null)));
        Assert.Equal((RunState.Failed, 3), (failed.Record!.State, failed.FailureCode));
        var resumed = Decide(failed, new RunInput.Resume(new Dictionary<string, string> { ["OMP_NUM_THREADS"] = "4" }));
        Assert.Equal((RunState.Queued, "4"), (resumed.Record!.State, resumed.Request!.Environment["OMP_NUM_THREADS"]));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(20L)]
    public void Resume_OfAnImport_IsRefused_AndItStaysComplete(long? steps)
    {
        var import = Decide(new DurableRun(), new RunInput.Create("r", Request() with { TokensFolder = "" }));
        import = Decide(import, Granted(_node, 1));
        var checkpoint = new WrittenCheckpoint { Step = 0, Attempt = 1, ManifestSha256 = "m", WeightsSha256 = "w", SizeBytes = 1 };
        import = Decide(Decide(import, new RunInput.Commit(checkpoint)), new RunInput.Ended(_node, new AttemptEnd(1, new RankFinished(0, true), null)));
        Assert.Equal(RunState.Completed, import.Record!.State);
        var length = steps is { } n ? new Dictionary<string, long> { ["max_steps"] = n } : null;
        var decision = RunDecider.Decide(import, new RunInput.Resume(new Dictionary<string, string>(), Length: length), _noLeases, _now);
        Assert.Contains("dtt train --set init_from=r", decision.Refusal);
        Assert.Same(import, decision.State);
    }

    [Theory]
    [InlineData("lr_schedule:\n  name: constant\nwarmup_steps: 2\n", 20, null)]
    [InlineData("lr_schedule:\n  name: exponential\n  params:\n    gamma: 0.99\n", 20, null)]
    [InlineData("lr_schedule:\n  name: constant\nwarmup_steps: 2\n", 4, "9 steps are done already")]
    [InlineData("lr_schedule:\n  name: constant\n", 20, "(constant) was planned for 9 steps")] // its warm-up is a share of the run
    [InlineData("lr_schedule:\n  name: wsd\nwarmup_steps: 2\n", 20, "(wsd) was planned for 9 steps")]
    [InlineData("lr_schedule:\n  name: onecycle\n", 20, "dtt train --set init_from=r")]
    public void Resume_WithAnotherLength_IsTakenWhereTheRatesOfTheStepsThatAreDoneStay(string config, long steps, string? refusal)
    {
        var created = Decide(new DurableRun(), new RunInput.Create("r", Request() with { ConfigYaml = config + "max_steps: 9 # -s\n" }));
        var running = Decide(created, Granted(_node, 1));
        var started = new RankStarted { Parameters = 1, Device = "cpu", Plan = new RunPlan(9, 1, 10), FromStep = 0, Fingerprint = "" };
        running = Decide(running, new RunInput.Reported(1, 1, [started]));
        var resume = new RunInput.Resume(new Dictionary<string, string>(), Length: new Dictionary<string, long> { ["max_steps"] = steps });
        Assert.Contains("dtt stop r", RunDecider.Decide(running, resume, _noLeases, _now).Refusal);
        var checkpoint = new WrittenCheckpoint { Step = 9, Attempt = 1, ManifestSha256 = "m", WeightsSha256 = "w", SizeBytes = 1 };
        var complete = Decide(Decide(running, new RunInput.Commit(checkpoint)), new RunInput.Ended(_node, new AttemptEnd(1, new RankFinished(9, true), null)));
        Assert.Contains("all 9 steps are done", RunDecider.Decide(complete, resume with { Length = null }, _noLeases, _now).Refusal);
        var decision = RunDecider.Decide(complete, resume, _noLeases, _now);
        if (refusal is not null)
        {
            Assert.Contains(refusal, decision.Refusal);
            return;
        }

        Assert.Equal((RunState.Queued, steps), (decision.State.Record!.State, decision.State.Request!.Config.MaxSteps));
        Assert.Contains($"max_steps: {steps} # dtt resume --set", decision.State.Request.ConfigYaml);
    }

    [Fact]
    public void Delete_OfALeasedOrActiveRun_IsRefused()
    {
        Assert.Contains("dtt stop r", RunDecider.Decide(Running(), new RunInput.Delete(), _noLeases, _now).Refusal);
        var completed = Decide(Running(), new RunInput.Ended(_node, new AttemptEnd(1, new RankFinished(9, true), null)));
        Assert.Contains("being read", RunDecider.Decide(completed, new RunInput.Delete(), new HashSet<long> { 5 }, _now).Refusal);
        Assert.True(Decide(completed, new RunInput.Delete()).Deleting);
    }

    [Fact]
    public void Adopt_OfARunThatIsKnown_TakesOnlyAStateThatHasGoneOnFurther()
    {
        var found = Decide(new DurableRun(), new RunInput.Adopt(new Adoption(Running(), ["the run came here from /a"])));
        Assert.Equal((RunState.Interrupted, null), (found.Record!.State, found.Placements.FirstOrDefault()));
        Assert.Equal(["started", "adopted"], found.Events.Select(e => e.Event.Kind));
        Assert.NotNull(RunDecider.Decide(found, new RunInput.Adopt(new Adoption(Running(), [])), _noLeases, _now).Refusal);
        Assert.NotNull(RunDecider.Decide(Running(), new RunInput.Adopt(new Adoption(found, [])), _noLeases, _now).Refusal);

        var further = found with { LastEvent = 9, Record = found.Record with { Version = 3, State = RunState.Completed } };
        var known = found with { Record = found.Record with { Version = 7 } };
        var taken = Decide(known, new RunInput.Adopt(new Adoption(further, [])));
        Assert.Equal((RunState.Completed, 7L), (taken.Record!.State, taken.Record.Version)); // the index takes no older version
    }

    internal static RunRequest Request() => new()
    {
        ConfigYaml = "keep: 2\n",
        TokensFolder = "/t",
        TokenizerFolder = "/v",
        Environment = new Dictionary<string, string>(),
    };

    internal static RankStarted Started(long from = 0) =>
        new() { FromStep = from, Plan = new RunPlan(100, 4, 64), Fingerprint = "f", Parameters = 1, Device = "cpu" };

    internal static CommittedCheckpoint Checkpoint(long step, int attempt, double? val = null) =>
        new() { Step = step, Attempt = attempt, ManifestSha256 = $"m{step}.{attempt}", WeightsSha256 = "w", SizeBytes = 1, ValLoss = val };

    private static DurableRun Created() => Decide(new DurableRun(), new RunInput.Create("r", Request()));

    private static RunInput.Granted Granted(NodeRef node, int attempt) => new([new Placement(node, ["cpu"], 0)], attempt);

    private static AttemptEnd Died(int attempt, string how) => new(attempt, null, CauseCard.Of(DeathKind.Rank, how));

    private static DurableRun Running() => Decide(Decide(Created(), Granted(_node, 1)), new RunInput.Reported(1, 1, [Started()]));

    private static DurableRun Decide(DurableRun state, RunInput input) => RunDecider.Decide(state, input, _noLeases, _now).State;
}
