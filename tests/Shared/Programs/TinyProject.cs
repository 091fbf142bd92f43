using System.Text.Json;

namespace Dtt.Tests;

/// <summary>
/// A working folder and a platform of its own, with a tiny dataset that is tokenized once for all tests, and a configuration that trains in seconds.
/// </summary>
public sealed class TinyProject : IAsyncLifetime
{
    public const int Steps = 40;

    /// <summary>What <c>dtt audit</c> says when nothing is wrong.</summary>
    public const string AuditOk = "ok: every step was trained once, and every window once per epoch";

    private readonly TempFolder _folder = new();

    public DttProgram Dtt => new(Path);

    /// <summary>Its path: users' folders have names of every kind.</summary>
    public string Path => _folder["a {new} project"];

    /// <summary>Weights of an undisturbed run.</summary>
    public string Undisturbed { get; private set; } = "";

    /// <summary>Training losses of an undisturbed run, by step.</summary>
    public SortedDictionary<int, double> UndisturbedLosses { get; private set; } = [];

    public async ValueTask InitializeAsync()
    {
        _folder.Write("a {new} project/configs/project_datasets/tiny.yaml", "builtin: tales\nbytes: 300000\nseed: 7\n");
        _folder.Write("a {new} project/configs/config.yaml", $"""
            name: tiny
            seed: 3
            n_blocks: 2
            n_heads: 2
            d_model: 32
            n_ctx: 32
            dropout: 0.1
            vocab_size: 512
            dataset: tiny
            val_fraction: 0.05
            batch_size: 4
            grad_accumulation_steps: 2
            max_steps: {Steps}
            precision: fp32
            warmup_steps: 4
            eval_every: 10
            save_every: 10
            val_tokens: 512
            keep: 2
            eff_batch_per_log: 5
            """);
        await Dtt.OutputAsync("download");
        await Dtt.OutputAsync("tokenize");
        await Dtt.OutputAsync("train", "-n", "undisturbed");
        Undisturbed = await FinalWeightsAsync("undisturbed");
        UndisturbedLosses = await LossesAsync("undisturbed");
    }

    /// <summary>Every step's training loss as `dtt metrics` has it; a step that stands twice fails.</summary>
    public async Task<SortedDictionary<int, double>> LossesAsync(string run, DttProgram? dtt = null)
    {
        var losses = new SortedDictionary<int, double>();
        foreach (var row in (await (dtt ?? Dtt).JsonAsync("metrics", run)).EnumerateArray().Where(r => r.TryGetProperty("train_loss", out _)))
            losses.Add(row.GetProperty("step").GetInt32(), row.GetProperty("train_loss").GetDouble());
        return losses;
    }

    public async Task<string> FinalWeightsAsync(string run, DttProgram? dtt = null)
    {
        var shown = await (dtt ?? Dtt).JsonAsync("show", run);
        Assert.Equal("completed", shown.GetProperty("state").GetString());
        var last = shown.GetProperty("checkpoints").EnumerateArray().Last();
        Assert.Equal(Steps, last.GetProperty("step").GetInt32());
        return last.GetProperty("weights_sha256").GetString()!;
    }

    /// <summary>
    /// The run is completed with an undisturbed one's weights, each step stands once in its curve with an undisturbed one's loss, and its audit finds nothing.
    /// </summary>
    public async Task CheckUndisturbedAsync(string run, DttProgram? dtt = null)
    {
        var (weights, losses, audit) = (FinalWeightsAsync(run, dtt), LossesAsync(run, dtt), (dtt ?? Dtt).OutputAsync("audit", run));
        Assert.Equal(Undisturbed, await weights);
        Assert.Equal(Enumerable.Range(1, Steps), (await losses).Keys);
        Assert.Equal(UndisturbedLosses, await losses);
        Assert.Contains(AuditOk, await audit);
    }

    /// <summary>A run's name that tells the point where it crashes.</summary>
    public static string NameOf(string point) => "crash-" + point.Replace('.', '-').Replace(':', '-');

    /// <summary>The messages of one kind in what <c>dtt show --json</c> printed.</summary>
    public static List<string> EventsOf(JsonElement shown, string kind) =>
        [.. shown.GetProperty("events").EnumerateArray()
            .Where(e => e.GetProperty("kind").GetString() == kind)
            .Select(e => e.GetProperty("message").GetString()!)];

    /// <summary>Steps in the logs of the run's ranks so far, of all attempts or of one.</summary>
    public int StepsReported(string run, int? attempt = null)
    {
        var folder = System.IO.Path.Combine(Path, "runs", run, "logs");
        if (!Directory.Exists(folder)) return 0;
        return Directory.EnumerateFiles(folder, attempt is { } a ? $"a{a:00}.log" : "*.log").Sum(f => ReadLines(f).Count(l => l.StartsWith("step ")));
    }

    /// <summary>The rank that trains just now, once there is one.</summary>
    public Task<int> RankAsync() =>
        Wait.ForAsync("a rank", () => Dtt.Silo is { } silo && Processes.ChildrenOf(silo) is [var rank, ..] ? rank : (int?)null);

    public async ValueTask DisposeAsync()
    {
        await Dtt.EndSiloAsync();
        _folder.Dispose();
    }

    private static IEnumerable<string> ReadLines(string file)
    {
        using var reader = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        while (reader.ReadLine() is { } line) yield return line;
    }
}
