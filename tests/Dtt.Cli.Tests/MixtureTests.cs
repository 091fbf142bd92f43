using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>A mixture from its text to a trained run, as a user makes it.</summary>
public sealed class MixtureTests : IAsyncLifetime
{
    private const string Config = """
        name: mix
        n_blocks: 1
        n_heads: 2
        d_model: 32
        n_ctx: 32
        vocab_size: 400
        val_fraction: 0.05
        batch_size: 4
        grad_accumulation_steps: 2
        max_steps: 40
        precision: fp32
        warmup_steps: 4
        eval_every: 20
        save_every: 10
        val_tokens: 512
        datasets:
          - {name: web, weight: 3}
          - {name: code, weight: 1}

        """;

    private readonly TempFolder _folder = new();

    private DttProgram Dtt => new(_folder.Path);

    public async ValueTask InitializeAsync()
    {
        _folder.Write("configs/project_datasets/web.yaml", "builtin: tales\nbytes: 200000\nseed: 1\n");
        _folder.Write("configs/project_datasets/code.yaml", "builtin: tales\nbytes: 40000\nseed: 2\n");
        _folder.Write("configs/config.yaml", Config);
        var download = await Dtt.RunAsync("download");
        Assert.Matches(@"download: web, .*\n(.*\n)*download: code, ", download.Error);
        var tokenize = await Dtt.RunAsync("tokenize");
        Assert.Equal(0, tokenize.ExitCode);
        Assert.Matches(@"tokenizer: web_400, 400 ids from (.*\n)+tokenizer: web_400, 400 ids already here", tokenize.Error);
    }

    public async ValueTask DisposeAsync()
    {
        await Dtt.EndSiloAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Mixture_Trains_SaysWhatWasDrawn_AndSurvivesAKillBitIdentical()
    {
        var dry = await Dtt.OutputAsync("train", "--dry-run");
        Assert.Matches(@"\ntraining windows of web     [\d,]+ of 32 tokens\n", dry); // as wide as the longest name
        Assert.Matches(@"\ntokens in no window of code [\d,]+ of ", dry);
        Assert.Contains("\ndrawn of web                7,680 tokens, 75 %, ", dry);
        Assert.Contains("\ndrawn of code               2,560 tokens, 25 %, ", dry);
        Assert.Matches(@"\nsteps                       40 of 8 windows", dry);

        var trained = await Dtt.RunAsync("train");
        Assert.True(trained.ExitCode == 0, trained.Error);
        Assert.Contains("drawn of web: 7,680 tokens, 75 %, ", trained.Error);
        var shown = await Dtt.JsonAsync("show", "mix");
        Assert.Equal([7680, 2560], shown.GetProperty("drawn").EnumerateArray().Select(d => d.GetProperty("tokens").GetInt64()));
        Assert.Contains("drawn of code: 2,560 tokens, 25 %, ", await Dtt.OutputAsync("show", "mix"));
        var audit = await Dtt.OutputAsync("audit", "mix");
        Assert.Contains("320 windows of 32 tokens", audit);
        Assert.Matches(@"web: 240 windows \(75 %\): 0 whole epochs of [\d,]+, and 240 of the next; [\d,]+ never drawn", audit);
        Assert.Matches(@"code: 80 windows \(25 %\): ", audit);
        Assert.Contains(TinyProject.AuditOk, audit);
        Assert.Contains("val_loss/code", await Dtt.OutputAsync("evaluate", "mix"));

        var killed = await Dtt.RunAsync(["train", "-n", "killed"], ("DTT_CRASH_AT", "checkpoint.files:2"));
        Assert.True(killed.ExitCode == 0, killed.Error);
        Assert.Equal(await WeightsAsync("mix"), await WeightsAsync("killed"));
        Assert.Contains(TinyProject.AuditOk, await Dtt.OutputAsync("audit", "killed"));
    }

    [Fact]
    public async Task Mixture_ThatPacksAndLeavesWindowsOut_SurvivesKillsBitIdentical()
    {
        LongTests.Only();
        string[] options = ["--set", "pack=bos", "--set", "keep=9"];
        await Dtt.OutputAsync(["train", "-n", "whole", .. options]);
        var killed = await Dtt.RunAsync(["train", "-n", "killed", .. options], ("DTT_CRASH_AT", "checkpoint.files:2"));
        Assert.True(killed.ExitCode == 0, killed.Error);
        Assert.Equal(await WeightsAsync("whole"), await WeightsAsync("killed"));
        foreach (var (run, crash) in new[] { ("whole", ""), ("killed", "checkpoint.manifest:2") })
        {
            await Dtt.OutputAsync("skip", run, "25..26");
            var resumed = await Dtt.RunAsync(["resume", run], ("DTT_CRASH_AT", crash));
            Assert.True(resumed.ExitCode == 0, resumed.Error);
            var audit = await Dtt.OutputAsync("audit", run);
            Assert.Contains("320 windows of 32 tokens", audit);
            Assert.Matches(@"web: 240 windows \(75 %\): .*, without 12 that are left out; .* in two windows: ", audit);
            Assert.Matches(@"code: 80 windows \(25 %\): .*, without 4 that are left out; ", audit);
            Assert.Contains(TinyProject.AuditOk + ", but for those that are left out", audit);
        }

        Assert.Contains(TinyProject.EventsOf(await Dtt.JsonAsync("show", "killed"), "died"), m => m.StartsWith("the rank was killed by signal 9"));
        Assert.Equal(await WeightsAsync("whole"), await WeightsAsync("killed"));
    }

    [Fact]
    public async Task Mixture_ThatIsNotReady_NamesTheDataset()
    {
        _folder.Write("configs/config.yaml", Config.Replace("code, weight", "other, weight"));
        var unknown = await Dtt.RunAsync("download");
        Assert.Equal(2, unknown.ExitCode);
        Assert.Contains("dataset 'other': there is no ", unknown.Error);
        var train = await Dtt.RunAsync("train");
        Assert.Equal(2, train.ExitCode);
        Assert.Contains("dataset 'other': there is no ", train.Error);
    }

    [Fact]
    public async Task Mixture_ByEpochsInStages_DrawsExactlyThem()
    {
        const string stages = "stages=[{tokens: 3200, datasets: [{name: web, weight: 1}]}, {datasets: [{name: code, epochs: 2}, {name: web, tokens: 640}]}]";
        string[] shape = ["--set", "batch_size=1", "--set", "grad_accumulation_steps=1", "--set", "save_every=0"];
        _folder.Write("configs/config.yaml", Config.Replace("max_steps: 40\n", ""));
        var trained = await Dtt.RunAsync(["train", "--set", stages, "--set", "eval_every=0", "--set", "lr_schedule.name=constant", .. shape]);
        Assert.True(trained.ExitCode == 0, trained.Error);
        Assert.Contains("drawn of web: 3,840 tokens, ", trained.Error);
        Assert.Matches(@"drawn of code: [\d,]+ tokens, [\d.]+ %, 2 epochs", trained.Error);
        foreach (var (set, why) in new[] { ("max_steps=100000", "but its mixture ends after "), ("epochs=2", "the run's mixture says how often") })
        {
            var longer = await Dtt.RunAsync("resume", "mix", "--set", set);
            Assert.Equal(2, longer.ExitCode);
            Assert.Contains(why, longer.Error);
        }

        var audit = await Dtt.OutputAsync("audit", "mix");
        Assert.Matches(@"code: [\d,]+ windows \([\d.]+ %\): 2 whole epochs of [\d,]+, and 0 of the next; 0 never drawn", audit);
        Assert.Contains(TinyProject.AuditOk, audit);
    }

    private async Task<string> WeightsAsync(string run) =>
        (await Dtt.JsonAsync("show", run)).GetProperty("checkpoints").EnumerateArray().Last().GetProperty("weights_sha256").GetString()!;
}
