using System.Diagnostics;
using System.Text.Json;
using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>What <c>dtt train</c> takes, and what it makes of it.</summary>
public sealed class TrainCommandTests(TinyProject project) : IClassFixture<TinyProject>
{
    [Theory]
    [InlineData("llmc", 0)]
    [InlineData("nanogpt", 1024)]
    public async Task TokenFilesOfOthers_TrainTheSameModel(string dataset, int cut)
    {
        // The project's own shards as another trainer's: with llm.c's header, or without one as nanoGPT's.
        var data = Path.Combine(project.Path, "data", "tiny");
        var tokens = Path.GetDirectoryName(Directory.GetFiles(data, "train_000000.bin", SearchOption.AllDirectories).Single())!;
        var theirs = Directory.CreateDirectory(Path.Combine(project.Path, dataset)).FullName;
        foreach (var split in new[] { "train", "val" })
            File.WriteAllBytes(Path.Combine(theirs, split + ".bin"), File.ReadAllBytes(Path.Combine(tokens, split + "_000000.bin"))[cut..]);
        File.WriteAllText(Path.Combine(project.Path, $"configs/project_datasets/{dataset}.yaml"), $"path: {theirs}\n");
        var tokenizer = Path.Combine(project.Path, "tokenizers", $"{dataset}_512");
        await project.Dtt.OutputAsync("download", "-d", dataset);
        var refused = await project.Dtt.RunAsync("tokenize", "-d", dataset);
        Assert.Equal(3, refused.ExitCode);
        Assert.Contains($"there is no tokenizer in {tokenizer}", refused.Error);

        Directory.CreateDirectory(tokenizer);
        File.Copy(Path.Combine(project.Path, "tokenizers", "tiny_512", "tokenizer.json"), Path.Combine(tokenizer, "tokenizer.json"));
        Assert.Contains("read in place", (await project.Dtt.RunAsync("tokenize", "-d", dataset)).Error);
        await project.Dtt.OutputAsync("train", "-n", dataset, "-d", dataset);
        Assert.Equal(project.Undisturbed, await project.FinalWeightsAsync(dataset));
    }

    [Fact]
    public async Task Stage_TrainsFromTheCopy()
    {
        var scratch = Path.Combine(project.Path, "scratch");
        foreach (var run in new[] { "staged", "staged-again" })
        {
            var result = await project.Dtt.RunAsync(["train", "-n", run, "--set", "stage=true"], ("DTT_SCRATCH", scratch));
            Assert.True(result.ExitCode == 0, result.Error);
            Assert.Equal(project.Undisturbed, await project.FinalWeightsAsync(run));
        }

        async Task<string> StagedAsync(string run) => TinyProject.EventsOf(await project.Dtt.JsonAsync("show", run), "staged").Single();
        Assert.Contains($"in {Directory.GetDirectories(scratch).Single()}", await StagedAsync("staged"));
        Assert.StartsWith("tokens found in ", await StagedAsync("staged-again"));
    }

    [Fact]
    public async Task Profile_TimesThePhases_AndLeavesATrace()
    {
        await project.Dtt.OutputAsync("train", "-n", "profiled", "--profile");
        Assert.Equal(project.Undisturbed, await project.FinalWeightsAsync("profiled"));
        string[] names = ["data_seconds", "forward_seconds", "head_seconds", "backward_seconds", "all_reduce_seconds", "optimizer_seconds"];
        var steps = (await project.Dtt.JsonAsync("metrics", "profiled")).EnumerateArray().Where(r => r.TryGetProperty("train_loss", out _)).ToList();
        foreach (var step in steps)
        {
            var phases = names.Select(p => step.GetProperty(p).GetDouble()).ToList();
            Assert.All(phases, p => Assert.True(p >= 0));
            Assert.InRange(phases.Sum(), 0, step.GetProperty("step_seconds").GetDouble());
        }

        Assert.True(steps.Average(s => s.GetProperty("forward_seconds").GetDouble() + s.GetProperty("backward_seconds").GetDouble()) > 0);
        var trace = JsonDocument.Parse(File.ReadAllText(Path.Combine(project.Path, "runs/profiled/profile/trace.a01.json")))
            .RootElement.GetProperty("traceEvents").EnumerateArray().ToList();
        Assert.Equal("M", trace[0].GetProperty("ph").GetString());
        Assert.All(trace.Skip(1), e =>
        {
            Assert.Equal("X", e.GetProperty("ph").GetString());
            Assert.True(e.GetProperty("ts").GetDouble() > 0 && e.GetProperty("dur").GetDouble() >= 0);
        });

        // Three steps of two micro-batches, forward and backward.
        Assert.Equal(3 * 2 * 2, trace.Count(e => e.GetProperty("name").GetString() == "block 0"));
    }

    [Fact]
    public async Task Wandb_WritesEventFilesAndSaysHowToSendThem()
    {
        var result = await project.Dtt.RunAsync("train", "-n", "events", "--wandb");
        Assert.True(result.ExitCode == 0, result.Error);
        var folder = Path.Combine(project.Path, "runs/events/tensorboard");
        Assert.Contains($"wandb sync --sync-tensorboard -p events --id events {folder}", result.Error);
        var values = EventFile.Scalars(Directory.GetFiles(folder).Single());
        var losses = values.Where(v => v.Tag == "train_loss").Select(v => ((int)v.Step, v.Value));
        Assert.Equal(project.UndisturbedLosses.Select(l => (l.Key, (float)l.Value)), losses);
        Assert.Equal([0, 10, 20, 30, 40], values.Where(v => v.Tag == "val_loss").Select(v => v.Step));
    }

    [Fact]
    public async Task Choices_AreAnsweredAtEveryValidation_AndByEvaluate()
    {
        var questions = Path.Combine(project.Path, "questions.jsonl");
        File.WriteAllLines(questions, Enumerable.Range(0, 12).Select(i => i % 2 == 0
            ? """{"ctx": "Once upon a time there was", "endings": ["a king and the", "Zq jxv kw"], "label": 0}"""
            : """{"ctx": "Once upon a time there was", "endings": ["Zq jxv kw", "a king and the"], "label": 1}"""));
        var result = await project.Dtt.RunAsync("train", "-n", "choices", "--set", $"choices={questions}", "--set", "max_choices=10");
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Contains("choices | right ", result.Error);
        Assert.Equal(project.Undisturbed, await project.FinalWeightsAsync("choices"));
        var answered = (await project.Dtt.JsonAsync("metrics", "choices")).EnumerateArray()
            .Where(r => r.TryGetProperty("choice_accuracy", out _)).ToList();
        Assert.Equal([0, 10, 20, 30, 40], answered.Select(r => r.GetProperty("step").GetInt32()));
        Assert.Equal(1, answered[^1].GetProperty("choice_accuracy").GetDouble()); // words of the text, against letters that are not in it

        var evaluated = await project.Dtt.JsonAsync("evaluate", "choices", "--choices", questions, "--max", "10");
        foreach (var metric in new[] { "val_loss", "val_perplexity", "val_bits_per_byte", "choice_accuracy", "choice_accuracy_by_sum" })
            Assert.Equal(answered[^1].GetProperty(metric).GetDouble(), evaluated.GetProperty(metric).GetDouble(), 1e-6);
        Assert.Equal(3, (await project.Dtt.RunAsync("evaluate", "choices", "--choices", "nowhere.jsonl")).ExitCode);
        Assert.DoesNotContain(long.MaxValue.ToString(), await project.Dtt.OutputAsync("evaluate", "--help"));
    }

    [Fact]
    public async Task TakenRunName_IsNumbered()
    {
        await project.Dtt.OutputAsync("train", "-n", "twice", "--set", "max_steps=1");
        var again = await project.Dtt.RunAsync("train", "-n", "twice", "--set", "max_steps=1");
        Assert.Contains("this one is 'twice-2'", again.Error);
    }

    [Fact]
    public async Task DryRun_PrintsTheArithmeticAndStartsNothing()
    {
        var runs = Directory.GetDirectories(Path.Combine(project.Path, "runs")).Length;
        var text = await project.Dtt.OutputAsync("train", "--dry-run", "-b", "8");
        Assert.Contains("tokens per step          512 = 256 × grad_accumulation_steps 2 × 1 rank", text);
        Assert.Contains("transformer.h.1.mlp.c_proj.weight", text);
        Assert.Contains("batch_size: 8 # -", text);
        Assert.Equal(runs, Directory.GetDirectories(Path.Combine(project.Path, "runs")).Length);
    }

    [Fact]
    public async Task PythonOptions_AllWork()
    {
        const string options = "-c configs/config.yaml -d tiny -v 512 -n x -e 2 -b 2 -gas 3 -ctx 16 -do 0 -w 2 -l 7 -val 3 -t 0.5 -s 9 -fa false -mlr 0.85"
            + " --no-cuda -a -nwb";
        string[] resolved =
        [
            "epochs: 2", "batch_size: 2", "grad_accumulation_steps: 3", "n_ctx: 16", "dropout: 0 ", "eff_batch_per_log: 7", "log_per_val: 3",
            "temp: 0.5", "seed: 9", "flash_attention: false", "cuda: false",
        ];
        var text = await project.Dtt.OutputAsync(["train", "--dry-run", .. options.Split(' ')]);
        Assert.All(resolved, line => Assert.Contains(line, text));
    }

    [Theory]
    [InlineData("true", "-fa")]
    [InlineData("true", "--flash-attention", "True")]
    [InlineData("false", "--flash_attention", "False")]
    [InlineData("false", "--flash-attn", "off")]
    [InlineData("false", "--flash_attn=false")]
    public async Task FlashAttention_IsSwitchedOnAndOff(string value, params string[] option) =>
        Assert.Matches($"flash_attention: {value} # -", await project.Dtt.OutputAsync(["train", "--dry-run", .. option, "-s", "9"]));

    [Theory]
    [InlineData("-mlr")]
    [InlineData("--min-loader-ratio")]
    [InlineData("--min_loader_ratio")]
    public async Task MinLoaderRatio_IsAcceptedWithItsLine(string option)
    {
        var result = await project.Dtt.RunAsync("train", "--dry-run", option, "0.85");
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("'min_loader_ratio' is accepted and does nothing: the data order is global", result.Error);
    }

    [Fact]
    public async Task Train_OnceByAWord_MakesNoSecondRun()
    {
        string[] once = ["train", "-n", "once", "--detach", "--once", "job 7"];
        Assert.Equal(["once\n", "once\n"], new[] { await project.Dtt.OutputAsync(once), await project.Dtt.OutputAsync(once) });
        Assert.Equal("once-2\n", await project.Dtt.OutputAsync([.. once[..^1], "job 8"]));
        Assert.Equal("once-2\n", await project.Dtt.OutputAsync([.. once[..^1], "job 8"]));
        await project.Dtt.OutputAsync("attach", "once-2");
        await project.CheckUndisturbedAsync("once");
        await project.Dtt.OutputAsync("delete", "once", "--yes");
        Assert.Equal("once-2\n", await project.Dtt.OutputAsync([.. once[..^1], "job 8"]));
        var (exitCode, _, error) = await project.Dtt.RunAsync([.. once[..^1], ""]);
        Assert.Equal(2, exitCode);
        Assert.Contains("--once takes a word", error);
    }

    [Fact]
    public async Task CudaWithoutAGpu_WarnsAndTrainsOnTheCpu()
    {
        Assert.SkipWhen(File.Exists("/dev/nvidiactl"), "this machine has a GPU.");
        var result = await project.Dtt.RunAsync("train", "-n", "no-gpu", "--cuda", "--set", "max_steps=1");
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("--cuda: 'cuda: true', but libtorch sees no GPU on this machine; training on the CPU.", result.Error);
    }

    [Fact]
    public async Task Standalone_TrainsWithoutAHostToTheSameWeights()
    {
        string[] arguments = [DttProgram.RankAssembly, "--standalone", "configs/config.yaml", "name=alone"];
        using var process = Process.Start(new ProcessStartInfo("dotnet", arguments)
        {
            WorkingDirectory = project.Path,
            RedirectStandardError = true,
            Environment = { ["OMP_NUM_THREADS"] = "1" },
        })!;
        var log = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, log);
        Assert.Contains("step 40/40 | loss ", log);
        Assert.Equal(project.Undisturbed, await project.FinalWeightsAsync("alone"));
    }
}
