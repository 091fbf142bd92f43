using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>A working folder with a tiny dataset, tokenized once for all tests, and a configuration that trains in seconds.</summary>
public sealed class TinyProject : IAsyncLifetime
{
    public const int Steps = 40;
    private readonly TempFolder _folder = new();

    public DttProgram Dtt => new(_folder.Path);

    public string Path => _folder.Path;

    /// <summary>Weights of an undisturbed run.</summary>
    public string Undisturbed { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        _folder.Write("configs/project_datasets/tiny.yaml", "builtin: tales\nbytes: 300000\nseed: 7\n");
        _folder.Write("configs/config.yaml", $"""
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
    }

    public async Task<string> FinalWeightsAsync(string run)
    {
        var shown = await Dtt.JsonAsync("show", run);
        Assert.Equal("completed", shown.GetProperty("state").GetString());
        var last = shown.GetProperty("checkpoints").EnumerateArray().Last();
        Assert.Equal(Steps, last.GetProperty("step").GetInt32());
        return last.GetProperty("weights_sha256").GetString()!;
    }

    /// <summary>Steps with a training loss in the run's files so far, of all attempts or of one.</summary>
    public int StepsReported(string run, int? attempt = null)
    {
        var folder = System.IO.Path.Combine(Path, "runs", run, "metrics");
        return !Directory.Exists(folder) ? 0 : Directory.EnumerateFiles(folder, attempt is { } a ? $"a{a:00}.jsonl" : "*").Sum(f => ReadLines(f).Count(l => l.Contains("train_loss")));
    }

    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    private static IEnumerable<string> ReadLines(string file)
    {
        using var reader = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        while (reader.ReadLine() is { } line) yield return line;
    }
}
