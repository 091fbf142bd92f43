using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>The command that follows a run may be killed, interrupted, left and come back: the run belongs to the platform.</summary>
[Collection(RankAndCommandTests.Name)]
public sealed class DetachTests(TinyProject project)
{
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
        await project.CheckUndisturbedAsync(run);
        Assert.Equal(1, (await project.Dtt.JsonAsync("show", run)).GetProperty("attempts").GetInt32());
    }

    [Fact]
    public async Task CtrlC_SavesStopsAndSaysHowToGoOn()
    {
        const string run = "stopped";
        using (var dtt = project.Dtt.Start(["train", "-n", run]))
        {
            // The rank is held while the command takes the signal, and goes in small strides until then, so that it is not through before.
            var rank = await project.RankAsync();
            var held = false;
            await Wait.ForAsync("the start", () =>
            {
                held = !held;
                Assert.Equal(0, Native.Kill(rank, held ? Native.SigStop : Native.SigCont));
                return held && dtt.ErrorSoFar.Contains(" parameters on ");
            });
            try
            {
                dtt.Signal(Native.SigInt);
                await Wait.ForAsync("the command's word", () => dtt.ErrorSoFar.Contains("saving a checkpoint"));
            }
            finally
            {
                Assert.Equal(0, Native.Kill(rank, Native.SigCont));
            }

            var result = await dtt.WaitAsync();
            Assert.True(result.ExitCode == 130, result.Error);
            Assert.Contains($"dtt resume {run}", result.Error);
        }

        var shown = await project.Dtt.JsonAsync("show", run);
        Assert.Equal("stopped", shown.GetProperty("state").GetString());
        Assert.Equal(shown.GetProperty("step").GetInt32(), shown.GetProperty("checkpoints").EnumerateArray().Last().GetProperty("step").GetInt32());
        await project.Dtt.OutputAsync("resume", run);
        await project.CheckUndisturbedAsync(run);
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
        await Wait.ForAsync("the first signal's message", () => dtt.ErrorSoFar.Contains("saving a checkpoint"));
        dtt.Signal(Native.SigInt);
        var result = await dtt.WaitAsync();
        Assert.Equal(130, result.ExitCode);
        Assert.Contains("saves a checkpoint and stops on its own", result.Error);
        Assert.True(Processes.Lives(rank));
        Assert.Equal(0, Native.Kill(rank, Native.SigKill));
        await project.Dtt.OutputAsync("stop", run);
        Assert.Equal("stopped", (await project.Dtt.JsonAsync("show", run)).GetProperty("state").GetString());
    }

    [Fact]
    public async Task Sigterm_SavesAndEndsWith143()
    {
        using var dtt = project.Dtt.Start(["train", "-n", "terminated", "-e", "1000", "--set", "max_steps=100000"]);
        await Wait.ForAsync("step 3", () => project.StepsReported("terminated") >= 3);
        dtt.Signal(Native.SigTerm);
        Assert.Equal(143, (await dtt.WaitAsync()).ExitCode);
    }

    [Theory]
    [InlineData(Native.SigInt, 130)]
    [InlineData(Native.SigTerm, 143)]
    public async Task Signal_WhileConnecting_EndsTheCommandAtOnce(int signal, int code)
    {
        await project.Dtt.OutputAsync("runs");
        var silo = project.Dtt.Silo!.Value;
        Assert.Equal(0, Native.Kill(silo, Native.SigStop)); // accepts, and does not answer
        try
        {
            using var dtt = project.Dtt.Start(["runs"]);
            await Wait.ForAsync("the client", () => File.ReadAllText($"/proc/{dtt.Process.Id}/maps").Contains("Orleans.Core.dll"));
            dtt.Signal(signal);
            var result = await dtt.WaitAsync();
            Assert.Equal((code, "", ""), (result.ExitCode, result.Output, result.Error));
        }
        finally
        {
            Assert.Equal(0, Native.Kill(silo, Native.SigCont));
        }
    }

    [Fact]
    public async Task Resume_WhileRunning_Attaches()
    {
        const string run = "owned";
        await project.Dtt.OutputAsync("train", "-n", run, "-e", "1000", "--set", "max_steps=100000", "--detach");
        await Wait.ForAsync("a step", () => project.StepsReported(run) >= 1);
        using var resume = project.Dtt.Start(["resume", run]);
        await Wait.ForAsync("the message", () => resume.ErrorSoFar.Contains("already; attaching"));
        await Wait.ForAsync("a line", () => resume.ErrorSoFar.Contains("/100000 | loss"));
        resume.Signal(Native.SigInt);
        Assert.Equal(130, (await resume.WaitAsync()).ExitCode);
    }
}
