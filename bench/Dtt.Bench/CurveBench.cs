using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Dtt.Data.Order;
using Dtt.Data.Tokens;

namespace Dtt.Bench;

/// <summary>
/// A training curve beside the same model in PyTorch: the same initial weights, the same windows in the same order, validated on the same text.
/// </summary>
internal static class CurveBench
{
    private const int Context = 128, Layers = 4, Heads = 4, Width = 128, Vocab = 4096; // the model
    private const int Batch = 16, Warmup = 50, EvalEvery = 250, ValTokens = 65536, Seed = 5;
    private const double Rate = 1e-3, LastRate = 1e-4, Tolerance = 0.02;

    /// <summary>Trains both and prints the losses side by side; the exit code is 1 when the last ones differ by more than 0.02.</summary>
    public static int Run(string text, int steps, string python)
    {
        using var scratch = new Scratch();
        Directory.CreateDirectory(scratch.At("configs", "project_datasets"));
        File.WriteAllText(scratch.At("configs", "project_datasets", "prose.yaml"), $"path: {Path.GetFullPath(text)}\n");
        File.WriteAllText(scratch.At("configs", "config.yaml"), string.Create(CultureInfo.InvariantCulture, $"""
            architecture: gpt2
            seed: {Seed}
            n_blocks: {Layers}
            n_heads: {Heads}
            d_model: {Width}
            n_ctx: {Context}
            dropout: 0
            vocab_size: {Vocab}
            dataset: prose
            batch_size: {Batch}
            epochs: 100
            precision: fp32
            warmup_steps: {Warmup}
            min_lr: {LastRate}
            eval_every: {EvalEvery}
            save_every: 0
            val_tokens: {ValTokens}
            """));
        scratch.Dtt("download");
        scratch.Dtt("tokenize");

        // A learning rate so small that it changes nothing: the initial weights as a checkpoint.
        scratch.Dtt(["train", "-n", "start", .. Scratch.Set("max_steps=1", "lr_schedule.params.lr_max=1e-30", "min_lr=0", "warmup_steps=0")]);
        scratch.Dtt("export", "start", "-o", scratch.At("start"));
        WriteWindows(scratch, steps);
        var rate = string.Create(CultureInfo.InvariantCulture, $"lr_schedule.params.lr_max={Rate}");
        scratch.Dtt(["train", "-n", "curve", .. Scratch.Set("init_from=start", $"max_steps={steps}", rate)]);
        File.WriteAllText(scratch.At("curve.json"), JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["context"] = Context,
            ["layers"] = Layers,
            ["heads"] = Heads,
            ["width"] = Width,
            ["batch"] = Batch,
            ["steps"] = steps,
            ["warmup"] = Warmup,
            ["eval_every"] = EvalEvery,
            ["lr"] = Rate,
            ["min_lr"] = LastRate,
            ["weight_decay"] = 0.1,
            ["beta1"] = 0.9,
            ["beta2"] = 0.95,
            ["epsilon"] = 1e-8,
            ["threads"] = Environment.ProcessorCount,
        }));
        var mine = Losses(scratch);
        var last = 0.0;
        Console.WriteLine("step, DTT, PyTorch, difference");
        foreach (var (step, theirs) in Peer(python, scratch.Folder))
        {
            var difference = mine[step] - theirs;
            last = Math.Abs(difference);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{step,5} {mine[step]:0.00000} {theirs:0.00000} {difference:+0.00000;-0.00000}"));
        }

        return last <= Tolerance ? 0 : 1;
    }

    /// <summary>The windows of every step, and those of validation, as rows of int32.</summary>
    private static void WriteWindows(Scratch scratch, int steps)
    {
        var folder = Path.GetDirectoryName(Directory.GetFiles(scratch.At("data"), TokenIndex.FileName, SearchOption.AllDirectories).Single())!;
        var index = TokenIndex.Find(folder)!;
        using var train = TokenShards.Open(folder, index, "train");
        using var val = TokenShards.Open(folder, index, "val");
        var windows = new WindowIndex(train.Lengths, Context, overlap: 0);
        var order = new WindowOrder(windows.Count, Seed, (long)windows.Stride * train.TokenBytes);
        Write(scratch.At("windows.bin"), train, windows, Enumerable.Range(0, steps * Batch).Select(p => order.Window(p)));
        var fixedSet = new WindowIndex(val.Lengths, Context, overlap: 0);
        var count = (int)Math.Min(fixedSet.Count, (ValTokens + Context - 1) / Context);
        Write(scratch.At("val.bin"), val, fixedSet, Enumerable.Range(0, count).Select(p => (long)p));
    }

    private static void Write(string file, TokenShards shards, WindowIndex index, IEnumerable<long> windows)
    {
        using var stream = File.Create(file);
        var tokens = new long[Context + 1];
        foreach (var window in windows)
        {
            var (shard, offset) = index.Locate(window);
            shards.Read(shard, offset, tokens);
            stream.Write(MemoryMarshal.AsBytes(tokens.Select(t => (int)t).ToArray().AsSpan()));
        }
    }

    private static Dictionary<int, double> Losses(Scratch scratch)
    {
        scratch.Time("bash", "-c", $"{Path.Combine(Scratch.Repository, "dtt")} metrics curve --json > metrics.json");
        return JsonDocument.Parse(File.ReadAllText(scratch.At("metrics.json"))).RootElement.EnumerateArray()
            .Where(r => r.TryGetProperty("val_loss", out _))
            .ToDictionary(r => r.GetProperty("step").GetInt32(), r => r.GetProperty("val_loss").GetDouble());
    }

    private static IEnumerable<(int Step, double Loss)> Peer(string python, string folder)
    {
        string[] arguments = [Path.Combine(Scratch.Repository, "bench", "pytorch_curve.py"), folder];
        using var process = Process.Start(new ProcessStartInfo(python, arguments) { RedirectStandardOutput = true })!;
        while (process.StandardOutput.ReadLine() is { } line)
        {
            var parts = line.Split(' ');
            yield return (int.Parse(parts[0], CultureInfo.InvariantCulture), double.Parse(parts[1], CultureInfo.InvariantCulture));
        }

        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{python} bench/pytorch_curve.py ended with {process.ExitCode}.");
    }
}
