using System.Text.Json;

namespace Dtt.Cli.Tests;

/// <summary>
/// Kills real processes where it hurts most; in every case the run ends with the weights of an undisturbed one, bit for bit, and every step stands once in
/// the curve: by itself when its rank died or hung, with the next silo when the silo did.
/// </summary>
public sealed class KillTests(TinyProject project, ITestOutputHelper output) : IClassFixture<TinyProject>
{
    [Theory]
    [InlineData("checkpoint.torn:2")]      // half-way through its second checkpoint
    [InlineData("checkpoint.files:2")]     // all files written, no manifest
    [InlineData("checkpoint.manifest:2")]  // everything written, not committed
    public async Task Rank_CrashingAtANamedPointAgainAndAgain_RecoversByItselfBitIdentical(string point)
    {
        // Every attempt crashes at its own second checkpoint, so each gets one checkpoint further.
        var run = NameOf(point);
        var result = await project.Dtt.RunAsync(["train", "-n", run], ("DTT_CRASH_AT", point));
        Assert.True(result.ExitCode == 0, result.Error);
        await CheckAsync(run);
        var shown = await project.Dtt.JsonAsync("show", run);
        Assert.Equal(4, shown.GetProperty("attempts").GetInt32());
        Assert.Equal(3, EventsOf(shown, "died").Count(m => m.StartsWith("the rank was killed by signal 9 in phase save after step")));
        Assert.Equal(["going on with attempt 2 from step 10", "going on with attempt 3 from step 20", "going on with attempt 4 from step 30"], EventsOf(shown, "recovering"));
    }

    [Fact]
    public async Task Rank_ThatNeverGetsAnywhere_GivesUpAndResumesOnceMended()
    {
        var run = NameOf("checkpoint.torn:1");
        Assert.Equal(1, (await project.Dtt.RunAsync(["train", "-n", run], ("DTT_CRASH_AT", "checkpoint.torn:1"))).ExitCode);
        var shown = await project.Dtt.JsonAsync("show", run);
        Assert.Equal(("failed", 3), (shown.GetProperty("state").GetString(), shown.GetProperty("attempts").GetInt32()));
        Assert.Contains("giving up: 3 attempts in a row died before they committed", EventsOf(shown, "failed").Single());
        await project.Dtt.OutputAsync("resume", run);
        await CheckAsync(run);
    }

    [Theory]
    [InlineData("silo.before-write:5")]    // a decision that was never written
    [InlineData("silo.after-write:3")]     // the attempt is begun, nobody launched it
    [InlineData("silo.after-write:6")]     // a commit is written, its effects are not done
    [InlineData("silo.launch:1")]          // the rank is about to start
    [InlineData("silo.before-commit:2")]   // the metrics are synced, the commit is not written
    [InlineData("silo.after-commit:2")]    // committed, before the rank hears of it
    [InlineData("silo.after-commit:4")]    // the last commit
    [InlineData("silo.effect:5")]          // between two effects
    public async Task Silo_CrashingAtANamedPoint_GoesOnWithTheNextOneBitIdentical(string point)
    {
        var run = NameOf(point);
        await project.Dtt.OutputAsync("silo", "stop", "--force");

        // The silo takes the crash point from the command that starts it; the commands after it start one that has none.
        _ = await project.Dtt.RunAsync(["train", "-n", run, "--detach"], ("DTT_CRASH_AT", point));
        await Wait.ForAsync("the crash", () => project.Dtt.Silo is null);
        await project.Dtt.RunAsync("attach", run);
        await CheckAsync(run);
    }

    [Fact]
    public async Task Rank_KilledMidStep_RecoversByItselfBitIdentical()
    {
        const string run = "rank-killed";
        using (var dtt = project.Dtt.Start(["train", "-n", run]))
        {
            var rank = await project.RankAsync();
            await Wait.ForAsync("step 14", () => project.StepsReported(run) >= 14);
            Assert.Equal(0, Native.Kill(rank, Native.SigKill));
            var killed = System.Diagnostics.Stopwatch.StartNew();
            await Wait.ForAsync("the next attempt's first step", () => project.StepsReported(run, attempt: 2) > 0);
            output.WriteLine($"from SIGKILL to the next step: {killed.Elapsed.TotalSeconds:0.0} s");
            var result = await dtt.WaitAsync();
            Assert.Equal(0, result.ExitCode);
            Assert.Contains("the rank was killed by signal 9 in phase train after step", result.Error);
        }

        await CheckAsync(run);
    }

    [Fact]
    public async Task Rank_ThatHangs_IsNamedWithItsPhaseAndRecoversBitIdentical()
    {
        const string run = "hung";
        using (var dtt = project.Dtt.Start(["train", "-n", run], ("DTT_DEADLINE_SCALE", "0.15")))
        {
            var rank = await project.RankAsync();
            await Wait.ForAsync("step 14", () => project.StepsReported(run) >= 14);
            Assert.Equal(0, Native.Kill(rank, Native.SigStop));
            Assert.Equal(0, (await dtt.WaitAsync()).ExitCode);
        }

        Assert.Matches(@"^the rank hung in phase \w+ after step \d+: no sign for \d+ s, the deadline is \d+ s", EventsOf(await project.Dtt.JsonAsync("show", run), "died").Single());
        await CheckAsync(run);
    }

    [Fact]
    public async Task Command_KilledWithItsTerminal_OnlyDetaches()
    {
        const string run = "detached";
        using (var dtt = project.Dtt.Start(["train", "-n", run]))
        {
            await Wait.ForAsync("step 3", () => project.StepsReported(run) >= 3);
            dtt.Signal(Native.SigKill);
            await dtt.WaitAsync();
        }

        await project.Dtt.RunAsync("attach", run);
        await CheckAsync(run);
        Assert.Equal(1, (await project.Dtt.JsonAsync("show", run)).GetProperty("attempts").GetInt32());
    }

    [Fact]
    public async Task Silo_Killed_TakesItsRankAlong_AndTheCommandGoesOnWithTheNextSilo()
    {
        const string run = "silo-killed";
        using (var dtt = project.Dtt.Start(["train", "-n", run]))
        {
            var rank = await project.RankAsync();
            await Wait.ForAsync("step 23", () => project.StepsReported(run) >= 23);
            await project.Dtt.KillSiloAsync();
            await Wait.ForAsync("the rank's end", () => !Processes.Lives(rank));
            var result = await dtt.WaitAsync();
            Assert.True(result.ExitCode == 0, result.Error);
            Assert.Contains("the silo is gone; starting another", result.Error);
        }

        Assert.Equal(["the silo died, and the rank with it"], EventsOf(await project.Dtt.JsonAsync("show", run), "died"));
        await CheckAsync(run);
    }

    /// <summary>DTT_KILLS=200 makes it long; DTT_SEED repeats one that failed.</summary>
    [Fact]
    public async Task Anything_KilledAtAnyTime_EndsBitIdentical()
    {
        var kills = int.Parse(Environment.GetEnvironmentVariable("DTT_KILLS") ?? "4");
        var seed = int.Parse(Environment.GetEnvironmentVariable("DTT_SEED") ?? Random.Shared.Next().ToString());
        var random = new Random(seed);
        output.WriteLine($"{kills} kills, DTT_SEED={seed}");
        for (int killed = 0, number = 0; killed < kills; number++)
        {
            var run = $"killed-{seed}-{number}";
            await project.Dtt.OutputAsync("train", "-n", run, "--detach");
            for (var steps = random.Next(TinyProject.Steps / 2); steps < TinyProject.Steps && killed < kills; steps += 1 + random.Next(TinyProject.Steps / 2), killed++)
            {
                await Wait.ForAsync($"{steps} steps", () => project.StepsReported(run) >= steps);
                await KillAsync(random.Next(3));
                await project.Dtt.OutputAsync("runs"); // the next silo, when it was the silo
            }

            await project.Dtt.RunAsync("attach", run);
            await CheckAsync(run);
        }
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
            Assert.True(result.ExitCode == 130, result.Error);
            Assert.Contains($"dtt resume {run}", result.Error);
        }

        var shown = await project.Dtt.JsonAsync("show", run);
        Assert.Equal("stopped", shown.GetProperty("state").GetString());
        Assert.Equal(shown.GetProperty("step").GetInt32(), shown.GetProperty("checkpoints").EnumerateArray().Last().GetProperty("step").GetInt32());
        await project.Dtt.OutputAsync("resume", run);
        await CheckAsync(run);
    }

    [Fact]
    public async Task CtrlCTwice_Leaves_AndTheStopGoesOn()
    {
        // Steps of minutes: only leaving can end the command.
        const string run = "twice-stopped";
        using var dtt = project.Dtt.Start(["train", "-n", run, "--set", "grad_accumulation_steps=100", "-b", "20", "-e", "1000", "--set", "max_steps=5"]);
        var rank = await project.RankAsync();
        await Wait.ForAsync("the start", () => File.Exists(Path.Combine(project.Path, $"runs/{run}/samples/step_00000000.txt")));
        dtt.Signal(Native.SigInt);
        await Wait.ForAsync("the first signal's word", () => dtt.ErrorSoFar.Contains("saving a checkpoint"));
        dtt.Signal(Native.SigInt);
        var result = await dtt.WaitAsync();
        Assert.Equal(130, result.ExitCode);
        Assert.Contains("saves and stops by itself", result.Error);
        Assert.True(Processes.Lives(rank));
        Assert.Equal(0, Native.Kill(rank, Native.SigKill));
        await project.Dtt.OutputAsync("stop", run);
        Assert.Equal("stopped", (await project.Dtt.JsonAsync("show", run)).GetProperty("state").GetString());
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
    public async Task SiloStopForce_SavesFirst_AndTheRunGoesOnWithTheNextSilo()
    {
        const string run = "drained";
        await project.Dtt.OutputAsync("train", "-n", run, "-e", "1000", "--set", "max_steps=100000", "--detach");
        await Wait.ForAsync("step 4", () => project.StepsReported(run) >= 4);
        await project.Dtt.OutputAsync("silo", "stop", "--force");
        await project.Dtt.OutputAsync("runs");
        await Wait.ForAsync("the next attempt's first step", () => project.StepsReported(run, attempt: 2) > 0);
        await project.Dtt.OutputAsync("stop", run);
        var shown = await project.Dtt.JsonAsync("show", run);
        var drained = EventsOf(shown, "drained").Single();
        Assert.Matches(@"^saved after step \d+, for its silo ends$", drained);
        Assert.Contains(EventsOf(shown, "started"), m => m.EndsWith("from step " + drained.Split(' ')[3].TrimEnd(',')));
    }

    [Fact]
    public async Task NewestCheckpointTorn_TakesTheOneBeforeAndSaysSo()
    {
        const string run = "torn-on-disk";
        await project.Dtt.OutputAsync("silo", "stop", "--force");
        _ = await project.Dtt.RunAsync(["train", "-n", run, "--detach"], ("DTT_CRASH_AT", "silo.before-commit:4"));
        await Wait.ForAsync("the crash", () => project.Dtt.Silo is null);
        var file = Path.Combine(project.Path, "runs", run, "checkpoints", "step_00000030.a01", "model.safetensors");
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..^100]);
        await project.Dtt.RunAsync("attach", run);
        var shown = await project.Dtt.JsonAsync("show", run);
        Assert.Contains("Trying the checkpoint before it", EventsOf(shown, "unreadable").Single());
        Assert.Contains(EventsOf(shown, "started"), m => m.EndsWith("from step 20"));
        await CheckAsync(run);
    }

    [Fact]
    public async Task Resume_WhileRunning_Attaches()
    {
        const string run = "owned";
        await project.Dtt.OutputAsync("train", "-n", run, "-e", "1000", "--set", "max_steps=100000", "--detach");
        await Wait.ForAsync("a step", () => project.StepsReported(run) >= 1);
        using var resume = project.Dtt.Start(["resume", run]);
        await Wait.ForAsync("the word", () => resume.ErrorSoFar.Contains("already; attached"));
        await Wait.ForAsync("a line", () => resume.ErrorSoFar.Contains("/100000 | loss"));
        resume.Signal(Native.SigInt);
        Assert.Equal(130, (await resume.WaitAsync()).ExitCode);
    }

    /// <summary>Kills the rank, the silo, or first the one and then the other.</summary>
    private async Task KillAsync(int what)
    {
        if (project.Dtt.Silo is { } silo && what != 1)
        {
            foreach (var rank in Processes.ChildrenOf(silo)) _ = Native.Kill(rank, Native.SigKill);
        }

        if (what != 0) await project.Dtt.KillSiloAsync();
    }

    private static string NameOf(string point) => "crash-" + point.Replace('.', '-').Replace(':', '-');

    private static List<string> EventsOf(JsonElement shown, string kind) =>
        [.. shown.GetProperty("events").EnumerateArray().Where(e => e.GetProperty("kind").GetString() == kind).Select(e => e.GetProperty("message").GetString()!)];

    private async Task CheckAsync(string run)
    {
        Assert.Equal(project.Undisturbed, await project.FinalWeightsAsync(run));
        var mine = await project.LossesAsync(run);
        Assert.Equal(Enumerable.Range(1, TinyProject.Steps), mine.Keys);
        Assert.Equal(project.UndisturbedLosses, mine);
        Assert.Contains("sound: every step once, every window once an epoch", await project.Dtt.OutputAsync("audit", run));
        output.WriteLine($"{run}: weights {project.Undisturbed[..12]}");
    }
}
