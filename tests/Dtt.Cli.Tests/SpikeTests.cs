using System.Buffers.Binary;
using System.Diagnostics;
using System.Text.Json;
using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>
/// The windows of one step are made to be noise. A run that looks for spikes goes back and leaves them out, whoever is killed meanwhile, and ends with the
/// weights of a run that somebody told to leave them out.
/// </summary>
public sealed class SpikeTests(PoisonedProject project) : IClassFixture<PoisonedProject>
{
    private static readonly string[] _keys = ["--set", "spike.sigma=6", "--set", "spike.window=8", "--set", "spike.skip=1"];

    private TinyProject Tiny => project.Tiny;

    [Fact]
    public async Task Spike_GoesBackAndLeavesItsWindowsOut_AsARunThatIsToldTo()
    {
        await Tiny.Dtt.OutputAsync(["train", "-n", "spike", .. _keys]);
        await CheckAsync("spike");
        var shown = await Tiny.Dtt.JsonAsync("show", "spike");
        var said = TinyProject.EventsOf(shown, "spike").Single();
        Assert.Matches(@"^step 25: the loss \d+\.\d{4} is a spike, above \d\.\d{4}; the windows of steps 25–26 \(positions 192–207\) are left out, and the run "
            + "goes back to step 20$", said);
        Assert.Equal(2, shown.GetProperty("attempts").GetInt32());
        Assert.Contains("left out: the windows of steps 25–26 (positions 192–207), for a spike of the loss", await Tiny.Dtt.OutputAsync("show", "spike"));
    }

    [Theory]
    [InlineData("silo.before-write:6")] // the rank has said it, nothing is written
    [InlineData("silo.after-write:6")]  // it is written, nobody knows
    [InlineData("silo.after-write:7")]  // the next attempt is begun, nobody launched it
    public async Task Spike_SiloKilledBetweenItAndTheNextCommit_EndsBitIdentical(string point)
    {
        if (point != "silo.after-write:6") LongTests.Only();
        var run = "spike-" + TinyProject.NameOf(point);
        await Tiny.Dtt.OutputAsync("silo", "stop", "--force");
        _ = await Tiny.Dtt.RunAsync(["train", "-n", run, .. _keys, "--detach"], ("DTT_CRASH_AT", point));
        await Wait.ForAsync("the crash", () => Tiny.Dtt.Silo is null);
        await Tiny.Dtt.RunAsync("attach", run);
        await CheckAsync(run);
    }

    [Fact]
    public async Task Spike_RankKilledBeforeItSaysSo_FindsItAgain()
    {
        LongTests.Only();
        const string run = "spike-unsaid";
        _ = await Tiny.Dtt.RunAsync(["train", "-n", run, .. _keys, "--detach"], ("DTT_CRASH_AT", "rank.spike:1"));
        await Wait.ForAsync("two deaths", () => Tiny.StepsReported(run, attempt: 2) >= 4);
        await Tiny.Dtt.OutputAsync("stop", run);
        Assert.Empty((await Tiny.Dtt.JsonAsync("show", run)).GetProperty("left_out").EnumerateArray());
        await Tiny.Dtt.OutputAsync("resume", run);
        await CheckAsync(run);
    }

    [Fact]
    public async Task Spike_RankAndSiloKilledOnTheWayBack_EndsBitIdentical()
    {
        LongTests.Only();
        const string run = "spike-killed";
        await Tiny.Dtt.OutputAsync(["train", "-n", run, .. _keys, "--detach"]);
        await Wait.ForAsync("the way back", () => Tiny.StepsReported(run, attempt: 2) >= 2);
        Assert.Equal(0, Native.Kill(await Tiny.RankAsync(), Native.SigKill));
        await Wait.ForAsync("the third attempt", () => Tiny.StepsReported(run, attempt: 3) >= 1);
        await Tiny.Dtt.KillSiloAsync();
        await Tiny.Dtt.RunAsync("attach", run);
        await CheckAsync(run);
    }

    [Fact]
    public async Task Spike_WithTwoRanks_LeavesTheSameWindowsOut()
    {
        LongTests.Only();
        const string run = "spike-two";
        await Tiny.Dtt.OutputAsync(["train", "-n", run, .. _keys, "--set", "ranks_per_node=2", "--set", "grad_accumulation_steps=1"]);
        var leftOut = (await Tiny.Dtt.JsonAsync("show", run)).GetProperty("left_out").EnumerateArray().Single();
        Assert.Equal([25, 192, 208], new[] { "first_step", "from", "to" }.Select(p => leftOut.GetProperty(p).GetInt32()));
        Assert.Contains(TinyProject.AuditOk, await Tiny.Dtt.OutputAsync("audit", run));
    }

    [Fact]
    public async Task Spike_OfARunThatStandsAlone_GoesBackToo_AndThePlatformAdoptsIt()
    {
        LongTests.Only();
        string[] arguments = [DttProgram.RankAssembly, "--standalone", "configs/config.yaml", "name=spike-alone", .. _keys.Where(k => k != "--set")];
        using var process = Process.Start(new ProcessStartInfo("dotnet", arguments)
        {
            WorkingDirectory = Tiny.Path,
            RedirectStandardError = true,
            Environment = { ["OMP_NUM_THREADS"] = "1" },
        })!;
        var log = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, log);
        await CheckAsync("spike-alone");
    }

    [Theory]
    [InlineData("spike.window=8", "'spike.window' does nothing without 'spike.sigma'")]
    [InlineData("spike.sigma=0", "spike.sigma")]
    public async Task Spike_KeysThatMakeNoSense_AreRefused(string set, string message)
    {
        var result = await Tiny.Dtt.RunAsync("train", "-n", "refused", "--set", set);
        Assert.Equal((2, true), (result.ExitCode, result.Error.Contains(message)));
    }

    private async Task CheckAsync(string run)
    {
        Assert.Equal(project.Told, await Tiny.FinalWeightsAsync(run));
        Assert.Equal(Enumerable.Range(1, TinyProject.Steps), (await Tiny.LossesAsync(run)).Keys);
        var audit = await Tiny.Dtt.OutputAsync("audit", run);
        Assert.Contains(TinyProject.AuditOk + ", but for those that are left out", audit);
        Assert.Contains("left out: the windows of steps 25–26 (positions 192–207), for a spike of the loss, since attempt ", audit);
    }
}

/// <summary>A tiny project whose 25th step has windows of noise, and the weights of a run that was told to leave them out.</summary>
public sealed class PoisonedProject : IAsyncLifetime
{
    public TinyProject Tiny { get; } = new();

    /// <summary>Weights of a run that was told to leave steps 25 and 26 out.</summary>
    public string Told { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        await Tiny.InitializeAsync();
        var random = new Random(1);
        foreach (var window in (await Tiny.Dtt.JsonAsync("batch", "undisturbed@25", "--no-loss")).EnumerateArray()) Poison(window, random);
        await Tiny.Dtt.OutputAsync("train", "-n", "told", "--set", "keep=9");
        await Tiny.Dtt.OutputAsync("skip", "told", "25..26");
        await Tiny.Dtt.OutputAsync("resume", "told");
        Told = await Tiny.FinalWeightsAsync("told");
    }

    public ValueTask DisposeAsync() => Tiny.DisposeAsync();

    private void Poison(JsonElement window, Random random)
    {
        var shard = Directory.GetFiles(Path.Combine(Tiny.Path, "data", "tiny"), window.GetProperty("shard").GetString()!, SearchOption.AllDirectories).Single();
        var (from, tokens) = (window.GetProperty("token").GetInt32(), window.GetProperty("tokens").GetInt32());
        var noise = new byte[2 * tokens];
        for (var i = 0; i < tokens; i++) BinaryPrimitives.WriteUInt16LittleEndian(noise.AsSpan(2 * i), (ushort)random.Next(511));
        using var file = File.OpenWrite(shard);
        file.Position = 1024 + 2 * from;
        file.Write(noise);
    }
}
