using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>
/// Kills and stops ranks where it hurts most; in every case the run goes on by itself and ends with the weights of an undisturbed one, bit for bit, and every
/// step stands once in the curve.
/// </summary>
[Collection(RankAndCommandTests.Name)]
public sealed class RankKillTests(TinyProject project, ITestOutputHelper output)
{
    [Theory]
    [InlineData("checkpoint.torn:2")]      // half-way through its second checkpoint
    [InlineData("checkpoint.files:2")]     // all files written, no manifest
    [InlineData("checkpoint.manifest:2")]  // everything written, not committed
    public async Task Rank_CrashingAtANamedPointAgainAndAgain_RecoversByItselfBitIdentical(string point)
    {
        if (point != "checkpoint.torn:2") LongTests.Only();
        // Checkpoints at 14, 28 and 40: every attempt crashes at its own second one, so each gets one further.
        var run = TinyProject.NameOf(point);
        var result = await project.Dtt.RunAsync(["train", "-n", run, "--set", "save_every=14"], ("DTT_CRASH_AT", point));
        Assert.True(result.ExitCode == 0, result.Error);
        await project.CheckUndisturbedAsync(run);
        var shown = await project.Dtt.JsonAsync("show", run);
        Assert.Equal(3, shown.GetProperty("attempts").GetInt32());
        Assert.Equal(2, TinyProject.EventsOf(shown, "died").Count(m => m.StartsWith("the rank was killed by signal 9 in phase ")));
        Assert.Equal(["continuing with attempt 2 from step 14", "continuing with attempt 3 from step 28"], TinyProject.EventsOf(shown, "recovering"));
    }

    [Fact]
    public async Task Rank_ThatNeverGetsAnywhere_GivesUpAndResumesOnceFixed()
    {
        var run = TinyProject.NameOf("checkpoint.torn:1");
        Assert.Equal(1, (await project.Dtt.RunAsync(["train", "-n", run], ("DTT_CRASH_AT", "checkpoint.torn:1:abort"))).ExitCode);
        var shown = await project.Dtt.JsonAsync("show", run);
        Assert.Equal("failed", shown.GetProperty("state").GetString());
        Assert.InRange(shown.GetProperty("attempts").GetInt32(), 3, 5); // three alike: the writer's thread dies while the step's is in one of two phases
        Assert.Contains("giving up: 3 attempts died in phase ", TinyProject.EventsOf(shown, "failed").Single());
        await project.Dtt.OutputAsync("resume", run);
        await project.CheckUndisturbedAsync(run);
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

            // In train most often; a save or a validation may just be on.
            Assert.Matches(@"the rank was killed by signal 9 in phase \w+ after step \d+", result.Error);
        }

        await project.CheckUndisturbedAsync(run);
    }

    [Fact]
    public async Task Rank_ThatGetsTerm_LeavesItToItsSiloAndGoesOn()
    {
        const string run = "rank-term";
        using var dtt = project.Dtt.Start(["train", "-n", run]);
        var rank = await project.RankAsync();
        await Wait.ForAsync("step 5", () => project.StepsReported(run) >= 5);
        Assert.Equal(0, Native.Kill(rank, Native.SigTerm));
        Assert.Equal(0, (await dtt.WaitAsync()).ExitCode);
        await project.CheckUndisturbedAsync(run);
        Assert.Equal(1, (await project.Dtt.JsonAsync("show", run)).GetProperty("attempts").GetInt32());
    }

    [Fact]
    public async Task Rank_ThatHangs_IsNamedWithItsPhaseAndRecoversBitIdentical()
    {
        const string run = "hung";
        using (var dtt = project.Dtt.Start(["train", "-n", run], ("DTT_DEADLINE_SCALE", "0.6")))
        {
            var rank = await project.RankAsync();
            await Wait.ForAsync("step 14", () => project.StepsReported(run) >= 14);
            Assert.Equal(0, Native.Kill(rank, Native.SigStop));
            Assert.Equal(0, (await dtt.WaitAsync()).ExitCode);
        }

        var died = TinyProject.EventsOf(await project.Dtt.JsonAsync("show", run), "died").Single();
        Assert.Matches(@"^the rank hung in phase \w+ after step \d+: no sign for \d+ s, the deadline is \d+ s", died);
        await project.CheckUndisturbedAsync(run);
    }
}
