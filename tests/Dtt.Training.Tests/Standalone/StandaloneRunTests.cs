using System.Text;
using System.Text.Json;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Tests;
using Dtt.Training.Standalone;

namespace Dtt.Training.Tests.Standalone;

public sealed class StandaloneRunTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Create_TakenName_IsNumbered()
    {
        var names = Enumerable.Range(0, 3).Select(_ =>
        {
            using var run = Create();
            return run.Layout.Run;
        });
        Assert.Equal(["a", "a-2", "a-3"], names);
    }

    [Fact]
    public void Create_ManyAtOnce_GivesEachItsOwnName_AndSweepsWhatAKillLeft()
    {
        for (var n = 0; n < 50; n++)
        {
            var old = Directory.CreateDirectory(_folder[Path.Combine("runs", $".draft-{n}")]).FullName;
            File.WriteAllText(Path.Combine(old, "config.yaml"), "");
            Directory.SetLastWriteTimeUtc(old, DateTime.UtcNow.AddDays(-2));
        }
        var names = new System.Collections.Concurrent.ConcurrentBag<string>();
        Parallel.For(0, 16, _ =>
        {
            using var run = Create();
            names.Add(run.Layout.Run);
        });
        Assert.Equal(16, names.Distinct().Count());
        Assert.Equal(16, Directory.EnumerateDirectories(_folder["runs"]).Count()); // no draft is left
    }

    [Fact]
    public void Open_WhileOwned_IsRefused()
    {
        using var first = Create();
        Assert.Contains("being trained by another process", Assert.Throws<UserErrorException>(() => Open("a")).Message);
    }

    [Theory]
    [InlineData(false, "there is no run in")]
    [InlineData(true, "is the platform's: go on with `dtt resume a`")]
    public void Open_WithoutAState_SaysWhoHasTheRun(bool adopted, string expected)
    {
        Directory.CreateDirectory(_folder["runs/a"]);
        if (adopted) File.WriteAllText(_folder["runs/a/config.yaml"], "");
        Assert.Contains(expected, Assert.Throws<UserErrorException>(() => Open("a")).Message);
    }

    [Fact]
    public void BeginAttempt_AfterAKill_IsTheNextOneFromTheCommit_AndSweepsWhatWasLeft()
    {
        using (var run = Create())
        {
            Start(run);
            Directory.CreateDirectory(run.Layout.Checkpoint("step_00000005.a01"));
            Directory.CreateDirectory(run.Layout.Checkpoint("step_00000009.a01"));
            Assert.True(run.Commit(Checkpoint(5, 1)).Accepted);
        }

        using var next = Open("a");
        var spec = next.BeginAttempt()!;
        Assert.Equal((2, 5), (spec.Attempt, spec.ResumeFrom.Single().Step));
        Assert.Equal(["step_00000005.a01"], Directory.EnumerateDirectories(next.Layout.Checkpoints).Select(Path.GetFileName));
        Assert.Equal([EventKinds.Started, EventKinds.Committed, EventKinds.Died, EventKinds.Recovering], Kinds(next));
    }

    [Fact]
    public void BeginAttempt_OfAStoppedRun_GoesOn_AndOfACompleteOneIsRefused()
    {
        using (var run = Create())
        {
            Start(run);
            run.RequestStop();
            Assert.Equal(RunState.Stopped, run.End(new RankFinished(3, Completed: false)));
        }

        using (var run = Open("a"))
        {
            Start(run, from: 0);
            Assert.Equal(RunState.Completed, run.End(new RankFinished(9, Completed: true)));
        }

        using var complete = Open("a");
        Assert.Contains("it is complete", Assert.Throws<UserErrorException>(() => complete.BeginAttempt()).Message);
    }

    [Fact]
    public void RequestStop_BeforeAnAttemptBegins_StopsTheRun_AndTheNextProcessGoesOn()
    {
        using (var run = Create())
        {
            run.RequestStop();
            Assert.Null(run.BeginAttempt());
            Assert.Equal((RunState.Stopped, 0), (run.State.Record!.State, run.State.Record.Attempts.Count));
        }

        using (var run = Open("a"))
        {
            Start(run);
            Assert.True(run.Commit(Checkpoint(5, 1)).Accepted);
            Assert.Equal(RunState.Recovering, run.End(new RankFinished(7, Completed: false) { Spike = new LossSpike(7, double.NaN, double.PositiveInfinity) }));
            run.RequestStop();
            Assert.Null(run.BeginAttempt());
            Assert.Equal(RunState.Stopped, run.State.Record!.State);
        }

        using var next = Open("a");
        Assert.Equal(2, next.BeginAttempt()!.Attempt);
    }

    [Fact]
    public void End_WithASpike_GoesBack_AndTheNextAttemptLeavesItsWindowsOut_AfterAKillToo()
    {
        using (var run = Create())
        {
            Start(run);
            Assert.True(run.Commit(Checkpoint(5, 1)).Accepted);
            Assert.Equal(RunState.Recovering, run.End(new RankFinished(7, Completed: false) { Spike = new LossSpike(7, double.NaN, double.PositiveInfinity) }));
        }

        using var next = Open("a");
        var spec = next.BeginAttempt()!;
        Assert.Equal((2, 5), (spec.Attempt, spec.ResumeFrom.Single().Step));
        var leftOut = Assert.Single(spec.LeftOut!);
        Assert.Equal((24, 28, 7, true), (leftOut.From, leftOut.To, leftOut.FirstStep, leftOut.Spike)); // 4 windows a step
        const string said = "step 7: the loss or the gradient is not finite (loss NaN); the windows of step 7 (positions 24–27) are left out";
        Assert.Contains(RunFile.ReadEvents(next.Layout), e => e.Event.Message.StartsWith(said));
    }

    [Fact]
    public void Commit_DeletesTheFoldersThatRetentionLetsGo()
    {
        using var run = Create();
        Start(run);
        foreach (var step in new[] { 1, 2, 3 })
        {
            Directory.CreateDirectory(run.Layout.Checkpoint(CommittedCheckpoint.FolderNameOf(step, 1)));
            Assert.True(run.Commit(Checkpoint(step, 1)).Accepted);
        }

        Assert.Equal(["step_00000002.a01", "step_00000003.a01"], Directory.EnumerateDirectories(run.Layout.Checkpoints).Select(Path.GetFileName).Order());
        Assert.Empty(run.State.ToDelete);
    }

    [Fact]
    public void Commit_WhoseOldFoldersCannotBeDeleted_IsAccepted_AndTheNextOneDeletesThem()
    {
        using var run = Create();
        Start(run);
        File.WriteAllText(run.Layout.Trash, "in the way");
        foreach (var step in new[] { 1, 2, 3 })
        {
            Directory.CreateDirectory(run.Layout.Checkpoint(CommittedCheckpoint.FolderNameOf(step, 1)));
            Assert.True(run.Commit(Checkpoint(step, 1)).Accepted);
        }

        Assert.Equal(["step_00000001.a01"], run.State.ToDelete);
        File.Delete(run.Layout.Trash);
        Assert.True(run.Commit(Checkpoint(4, 1)).Accepted);
        Assert.Equal(["step_00000003.a01"], Directory.EnumerateDirectories(run.Layout.Checkpoints).Select(Path.GetFileName));
    }

    [Fact]
    public void Read_RowsTornByAKill_ArePassedOver_AndTheNextLineIsWhole()
    {
        using (var run = Create())
        {
            Start(run);
            run.Report(new MetricsReport([Row(1), Row(2)]));
        }

        var layout = new RunLayout(_folder["runs/a"]);
        File.AppendAllText(layout.Metrics(1), "{\"step\":3,\"val");
        Assert.Equal([1, 2], RunFile.ReadMetrics(layout, 1).Select(r => r.Step));
    }

    [Fact]
    public void Open_AfterAKillBetweenStateAndEvents_WritesTheEventsThatAreMissing()
    {
        using (var run = Create()) Start(run);
        var layout = new RunLayout(_folder["runs/a"]);
        File.Delete(layout.Events);
        using var again = Open("a");
        Assert.Equal([EventKinds.Started], Kinds(again));
    }

    [Theory]
    [InlineData("{", "is not a run's state")]
    [InlineData("{\"format\": 2, \"run\": {}}", "it has no run")]
    [InlineData("{\"format\": 3, \"run\": {}}", "has format 3, but this build of DTT knows formats up to 2")]
    public void Read_ADamagedOrNewerState_SaysWhichFileAndWhy(string content, string expected)
    {
        using (Create()) { }
        File.WriteAllText(_folder["runs/a/run.json"], content);
        var error = Assert.Throws<BadDataException>(() => RunFile.Read(new RunLayout(_folder["runs/a"])));
        Assert.Contains(expected, error.Message);
        Assert.Contains(_folder["runs/a/run.json"], error.Message);
    }

    [Theory]
    [InlineData("Stopped")]
    [InlineData("Running")] // killed
    public void Read_TheRecordOfAnEarlierBuild_IsThatRun_AndItsNextAttemptIsANewOne(string state)
    {
        using (Create()) { }
        File.WriteAllText(_folder["runs/a/run.json"], $$"""
            {
              "version": 4, "run": "a", "state": "{{state}}", "created_at": "2026-01-02T03:04:05+00:00", "tokens_folder": "/t", "tokenizer_folder": "/v",
              "total_steps": 9, "global_batch_windows": 4, "tokens_per_step": 64,
              "attempts": [{
                "attempt": 1, "started_at": "2026-01-02T03:04:05+00:00", "from_step": 0, "fingerprint": "f", "end_state": "stopped", "outcome": "stopped"
              }],
              "checkpoints": [{"step": 5, "attempt": 1, "manifest_sha256": "m", "weights_sha256": "w", "size_bytes": 1, "pinned": false}]
            }
            """);
        using var run = Open("a");
        Assert.Equal(("/t", "/v", 2), (run.State.Request!.TokensFolder, run.State.Request.TokenizerFolder, run.State.Request.Config.Keep));
        var spec = run.BeginAttempt()!;
        Assert.Equal((2, 5, 4), (spec.Attempt, spec.ResumeFrom.Single().Step, spec.GlobalBatchWindows));
    }

    [Fact]
    public void Write_ThenRead_IsTheSameState()
    {
        using var run = Create();
        Start(run);
        run.Commit(Checkpoint(5, 1));
        Assert.Equal(JsonSerializer.Serialize(run.State), JsonSerializer.Serialize(RunFile.Read(run.Layout)));
        Assert.Contains("\"format\": 2", File.ReadAllText(run.Layout.State, Encoding.UTF8));
    }

    private StandaloneRun Create() => StandaloneRun.Create(_folder["runs"], new RunRequest
    {
        ConfigYaml = "name: a\nkeep: 2\n",
        TokensFolder = "/t",
        TokenizerFolder = "/v",
        Environment = new Dictionary<string, string>(),
    }, TimeProvider.System);

    private StandaloneRun Open(string run) => StandaloneRun.Open(_folder[$"runs/{run}"], TimeProvider.System);

    private static void Start(StandaloneRun run, long from = 0)
    {
        run.BeginAttempt();
        run.Report(new RankStarted { FromStep = from, Plan = new RunPlan(9, 4, 64), Fingerprint = "f", Parameters = 1, Device = "cpu" });
    }

    private static IEnumerable<string> Kinds(StandaloneRun run) => RunFile.ReadEvents(run.Layout).Select(e => e.Event.Kind);

    private static StepMetrics Row(long step) => new(step, new Dictionary<string, double> { [MetricNames.TrainLoss] = step });

    private static CommittedCheckpoint Checkpoint(long step, int attempt) =>
        new() { Step = step, Attempt = attempt, ManifestSha256 = $"m{step}", WeightsSha256 = "w", SizeBytes = 1 };
}
