using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>
/// Kills silos where it hurts most, and ranks with them; in every case the run goes on with the next silo and ends with the weights of an undisturbed one, bit
/// for bit, and every step stands once in the curve.
/// </summary>
public sealed class SiloKillTests(TinyProject project, ITestOutputHelper output) : IClassFixture<TinyProject>
{
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
        if (point != "silo.before-commit:2") LongTests.Only();
        var run = TinyProject.NameOf(point);
        await project.Dtt.OutputAsync("silo", "stop", "--force");

        // The silo takes the crash point from the command that starts it; the commands after it start one that has none.
        _ = await project.Dtt.RunAsync(["train", "-n", run, "--detach"], ("DTT_CRASH_AT", point));
        await Wait.ForAsync("the crash", () => project.Dtt.Silo is null);
        await project.Dtt.RunAsync("attach", run);
        await project.CheckUndisturbedAsync(run);
    }

    [Fact]
    public async Task Silo_Killed_TakesItsRankAlong_AndTheCommandGoesOnWithTheNextSilo()
    {
        const string run = "silo-killed";
        using (var dtt = project.Dtt.Start(["train", "-n", run]))
        {
            var rank = await project.RankAsync();
            await Wait.ForAsync("step 13", () => project.StepsReported(run) >= 13);
            await project.Dtt.KillSiloAsync();
            await Wait.ForAsync("the rank's end", () => !Processes.Lives(rank));
            var result = await dtt.WaitAsync();
            Assert.True(result.ExitCode == 0, result.Error);
            Assert.Contains("the silo is gone; starting another", result.Error);
        }

        Assert.Equal(["the silo died, and the rank with it"], TinyProject.EventsOf(await project.Dtt.JsonAsync("show", run), "died"));
        await project.CheckUndisturbedAsync(run);
    }

    /// <summary><c>tests/kills</c> makes it long, or repeats a seed that failed; without it the same over two nodes stands for it.</summary>
    [Fact]
    public async Task Anything_KilledAtAnyTime_EndsBitIdentical()
    {
        if (Environment.GetEnvironmentVariable("DTT_KILLS") is null) LongTests.Only();
        var kills = int.Parse(Environment.GetEnvironmentVariable("DTT_KILLS") ?? "3");
        var seed = int.Parse(Environment.GetEnvironmentVariable("DTT_SEED") ?? Random.Shared.Next().ToString());
        var random = new Random(seed);
        output.WriteLine($"{kills} kills, DTT_SEED={seed}");
        for (int killed = 0, number = 0; killed < kills; number++)
        {
            var run = $"killed-{seed}-{number}";
            await project.Dtt.OutputAsync("train", "-n", run, "--detach");
            for (var steps = random.Next(TinyProject.Steps / 2); steps < TinyProject.Steps && killed < kills; killed++)
            {
                await Wait.ForAsync($"{steps} steps", () => project.StepsReported(run) >= steps);
                await KillAsync(random.Next(3));
                await project.Dtt.OutputAsync("runs"); // the next silo, when it was the silo
                steps += 1 + random.Next(TinyProject.Steps / 2);
            }

            await project.Dtt.RunAsync("attach", run);
            await project.CheckUndisturbedAsync(run);
        }
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
        var drained = TinyProject.EventsOf(shown, "drained").Single();
        Assert.Matches(@"^saved after step \d+, because its silo is shutting down$", drained);
        Assert.Contains(TinyProject.EventsOf(shown, "started"), m => m.EndsWith("from step " + drained.Split(' ')[3].TrimEnd(',')));
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
        Assert.Contains("Trying the checkpoint before it", TinyProject.EventsOf(shown, "unreadable").Single());
        Assert.Contains(TinyProject.EventsOf(shown, "started"), m => m.EndsWith("from step 20"));
        await project.CheckUndisturbedAsync(run);
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
}
