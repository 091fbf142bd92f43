namespace Dtt.Cli.Tests;

/// <summary>
/// Kills real processes where it hurts most; in every case the run ends with the weights of an undisturbed one, bit for bit, and every step stands once in
/// the curve: by itself when its rank died or hung, by <c>dtt resume</c> when the command did.
/// </summary>
public sealed class KillTests(TinyProject project, ITestOutputHelper output) : IClassFixture<TinyProject>
{
    [Theory]
    [InlineData("checkpoint.torn:2")]      // half-way through its second checkpoint
    [InlineData("checkpoint.files:2")]     // all files written, no manifest
    [InlineData("checkpoint.manifest:2")]  // everything written, not committed
    public async Task Train_WhoseRankCrashesAtANamedPointAgainAndAgain_RecoversByItselfBitIdentical(string point)
    {
        // Every attempt crashes at its own second checkpoint, so each gets one checkpoint further.
        var run = await CrashedRunAsync(point, expectedExit: 0);
        await CheckAsync(run);
        var shown = await project.Dtt.JsonAsync("show", run);
        Assert.Equal(4, shown.GetProperty("attempts").GetInt32());
        Assert.Equal(3, EventsOf(shown, "died").Count(m => m.StartsWith("the rank was killed by signal 9 in phase save after step")));
        Assert.Equal(["going on with attempt 2 from step 10", "going on with attempt 3 from step 20", "going on with attempt 4 from step 30"], EventsOf(shown, "recovering"));
    }

    [Fact]
    public async Task Train_WhoseRankNeverGetsAnywhere_GivesUpAndResumesOnceMended()
    {
        var run = await CrashedRunAsync("checkpoint.torn:1", expectedExit: 1);
        var shown = await project.Dtt.JsonAsync("show", run);
        Assert.Equal(("failed", 3), (shown.GetProperty("state").GetString(), shown.GetProperty("attempts").GetInt32()));
        Assert.Contains("giving up: 3 attempts in a row died before they committed", EventsOf(shown, "failed").Single());
        await project.Dtt.OutputAsync("resume", run);
        await CheckAsync(run);
    }

    [Theory]
    [InlineData("commit.before:2")]        // before the commit is durable
    [InlineData("commit.after:2")]         // after the commit, before the rank hears of it
    [InlineData("commit.after:4")]         // after the last commit
    public async Task Resume_AfterTheHostCrashedAtANamedPoint_EndsBitIdentical(string point)
    {
        var run = await CrashedRunAsync(point, expectedExit: 137);
        await project.Dtt.OutputAsync("resume", run);
        await CheckAsync(run);
    }

    [Fact]
    public async Task Train_WhoseRankIsKilledMidStep_RecoversByItselfBitIdentical()
    {
        const string run = "rank-killed";
        using (var dtt = project.Dtt.Start(["train", "-n", run]))
        {
            var rank = await dtt.RankAsync();
            await Wait.ForAsync("step 14", () => project.StepsReported(run) >= 14);
            Assert.Equal(0, Native.Kill(rank, Native.SigKill));
            var killed = System.Diagnostics.Stopwatch.StartNew();
            await Wait.ForAsync("the next attempt's first step", () => File.Exists(Path.Combine(project.Path, "runs", run, "metrics", "a02.jsonl")) && project.StepsReported(run, attempt: 2) > 0);
            output.WriteLine($"from SIGKILL to the next step: {killed.Elapsed.TotalSeconds:0.0} s");
            var result = await dtt.WaitAsync();
            Assert.Equal(0, result.ExitCode);
            Assert.Contains("the rank was killed by signal 9 in phase train after step", result.Error);
        }

        await CheckAsync(run);
    }

    [Fact]
    public async Task Train_WhoseRankHangs_NamesThePhaseAndRecoversBitIdentical()
    {
        const string run = "hung";
        using (var dtt = project.Dtt.Start(["train", "-n", run], ("DTT_DEADLINE_SCALE", "0.15")))
        {
            var rank = await dtt.RankAsync();
            await Wait.ForAsync("step 14", () => project.StepsReported(run) >= 14);
            Assert.Equal(0, Native.Kill(rank, Native.SigStop));
            Assert.Equal(0, (await dtt.WaitAsync()).ExitCode);
        }

        Assert.Matches(@"^the rank hung in phase \w+ after step \d+: no sign for \d+ s, the deadline is \d+ s", EventsOf(await project.Dtt.JsonAsync("show", run), "died").Single());
        await CheckAsync(run);
    }

    [Fact]
    public async Task Resume_AfterTheHostWasKilled_EndsBitIdentical_AndTheRankDiedWithIt()
    {
        const string run = "host-killed";
        int rank;
        using (var dtt = project.Dtt.Start(["train", "-n", run]))
        {
            rank = await dtt.RankAsync();
            await Wait.ForAsync("step 23", () => project.StepsReported(run) >= 23);
            dtt.Signal(Native.SigKill);
            await dtt.WaitAsync();
        }

        await Wait.ForAsync("the rank's end", () => !Directory.Exists($"/proc/{rank}") || File.ReadAllText($"/proc/{rank}/stat").Contains(") Z"));
        Assert.Equal("interrupted", (await project.Dtt.JsonAsync("show", run)).GetProperty("state").GetString());
        await project.Dtt.OutputAsync("resume", run);
        await CheckAsync(run);
    }

    [Fact]
    public async Task Resume_AgainAndAgainAfterKills_EndsBitIdentical()
    {
        const string run = "often-killed";
        var attempt = 0;
        foreach (var steps in new[] { 6, 17, 31 })
        {
            using var dtt = project.Dtt.Start(attempt++ == 0 ? ["train", "-n", run] : ["resume", run]);
            var before = project.StepsReported(run);
            await Wait.ForAsync($"{steps} steps", () => project.StepsReported(run) >= steps + (attempt > 1 ? before - steps + 3 : 0));
            dtt.Signal(Native.SigKill);
            await dtt.WaitAsync();
        }

        await project.Dtt.OutputAsync("resume", run);
        await CheckAsync(run);
    }

    [Fact]
    public async Task CtrlC_SavesStopsAndSaysHowToGoOn()
    {
        const string run = "stopped";
        using (var dtt = project.Dtt.Start(["train", "-n", run]))
        {
            await Wait.ForAsync("step 7", () => project.StepsReported(run) >= 7);
            dtt.Signal(Native.SigInt);
            var result = await dtt.WaitAsync();
            Assert.Equal(130, result.ExitCode);
            Assert.Contains($"dtt resume {run}", result.Error);
        }

        var shown = await project.Dtt.JsonAsync("show", run);
        Assert.Equal("stopped", shown.GetProperty("state").GetString());
        Assert.Equal(shown.GetProperty("step").GetInt32(), shown.GetProperty("checkpoints").EnumerateArray().Last().GetProperty("step").GetInt32());
        await project.Dtt.OutputAsync("resume", run);
        await CheckAsync(run);
    }

    [Fact]
    public async Task CtrlCTwice_LeavesAtOnce()
    {
        // Steps of minutes: only leaving at once can end this.
        using var dtt = project.Dtt.Start(["train", "-n", "twice-stopped", "--set", "grad_accumulation_steps=100", "-b", "20", "-e", "1000", "--set", "max_steps=5"]);
        var rank = await dtt.RankAsync();
        await Wait.ForAsync("the start", () => File.Exists(Path.Combine(project.Path, "runs/twice-stopped/samples/step_00000000.txt")));
        dtt.Signal(Native.SigInt);
        await Wait.ForAsync("the first signal's word", () => dtt.ErrorSoFar.Contains("saving a checkpoint"));
        dtt.Signal(Native.SigInt);
        var result = await dtt.WaitAsync();
        Assert.Equal(130, result.ExitCode);
        Assert.Contains("left at once", result.Error);
        Assert.False(Directory.Exists($"/proc/{rank}"));
    }

    [Fact]
    public async Task Sigterm_SavesAndEndsWith143()
    {
        using var dtt = project.Dtt.Start(["train", "-n", "terminated"]);
        await Wait.ForAsync("step 3", () => project.StepsReported("terminated") >= 3);
        dtt.Signal(Native.SigTerm);
        Assert.Equal(143, (await dtt.WaitAsync()).ExitCode);
    }

    [Fact]
    public async Task Resume_NewestCheckpointTorn_TakesTheOneBeforeAndSaysSo()
    {
        var run = await CrashedRunAsync("commit.before:4", expectedExit: 137);
        var newest = (await project.Dtt.JsonAsync("show", run)).GetProperty("checkpoints").EnumerateArray().Last();
        Assert.Equal(30, newest.GetProperty("step").GetInt32());
        var file = Path.Combine(newest.GetProperty("path").GetString()!, "model.safetensors");
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..^100]);
        var result = await project.Dtt.RunAsync("resume", run);
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("Trying the checkpoint before it", result.Error);
        Assert.Contains("going on from step 20", result.Error);
        await CheckAsync(run);
    }

    [Fact]
    public async Task Resume_WhileRunning_IsRefused()
    {
        const string run = "owned";
        using var dtt = project.Dtt.Start(["train", "-n", run, "-e", "1000", "--set", "max_steps=100000"]);
        await Wait.ForAsync("a step", () => project.StepsReported(run) >= 1);
        var result = await project.Dtt.RunAsync("resume", run);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("is being trained by another process", result.Error);
        dtt.Signal(Native.SigInt);
        Assert.Equal(130, (await dtt.WaitAsync()).ExitCode);
    }

    private async Task<string> CrashedRunAsync(string point, int expectedExit)
    {
        var run = "crash-" + point.Replace('.', '-').Replace(':', '-');
        var crashed = await project.Dtt.RunAsync(["train", "-n", run], ("DTT_CRASH_AT", point));
        Assert.True(crashed.ExitCode == expectedExit, $"exit code {crashed.ExitCode}: {crashed.Error}");
        return run;
    }

    private static List<string> EventsOf(System.Text.Json.JsonElement shown, string kind) =>
        [.. shown.GetProperty("events").EnumerateArray().Where(e => e.GetProperty("kind").GetString() == kind).Select(e => e.GetProperty("message").GetString()!)];

    private async Task CheckAsync(string run)
    {
        Assert.Equal(project.Undisturbed, await project.FinalWeightsAsync(run));
        var (mine, undisturbed) = (await LossesAsync(run), await LossesAsync("undisturbed"));
        Assert.Equal(Enumerable.Range(1, TinyProject.Steps), mine.Keys);
        Assert.Equal(undisturbed, mine);
        Assert.Contains("sound: every step once, every window once an epoch", await project.Dtt.OutputAsync("audit", run));
        output.WriteLine($"{run}: {(await project.Dtt.JsonAsync("show", run)).GetProperty("attempts")} attempts, weights {project.Undisturbed[..12]}");
    }

    private async Task<SortedDictionary<int, double>> LossesAsync(string run)
    {
        var losses = new SortedDictionary<int, double>();
        foreach (var row in (await project.Dtt.JsonAsync("metrics", run)).EnumerateArray().Where(r => r.TryGetProperty("train_loss", out _)))
            losses.Add(row.GetProperty("step").GetInt32(), row.GetProperty("train_loss").GetDouble());
        return losses;
    }
}
