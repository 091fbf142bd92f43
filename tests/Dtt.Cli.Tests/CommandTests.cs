using System.Diagnostics;
using System.Text.Json;
using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>What each command prints and how it ends.</summary>
public sealed class CommandTests(TinyProject project) : IClassFixture<TinyProject>
{
    [Fact]
    public async Task EachStage_FindsWhatIsDone()
    {
        Assert.Contains("already here", (await project.Dtt.RunAsync("download")).Error);
        var tokenize = (await project.Dtt.RunAsync("tokenize")).Error;
        Assert.Equal(2, tokenize.Split("already here").Length - 1);
    }

    [Fact]
    public async Task Report_TellsWhatTheDocumentsAreLike_InWordsInJsonAndInAPicture()
    {
        var report = await project.Dtt.JsonAsync("report");
        long Number(string name) => report.GetProperty(name).GetInt64();
        Assert.Equal(("tiny", "tiny_512"), (report.GetProperty("dataset").GetString(), report.GetProperty("tokenizer").GetString()));
        Assert.Equal(Number("documents"), report.GetProperty("lengths").EnumerateArray().Sum(l => l.GetProperty("documents").GetInt64()));
        Assert.Equal((double)Number("text_bytes") / Number("tokens"), report.GetProperty("bytes_per_token").GetDouble());
        Assert.Equal((0, 0), (Number("invalid_bytes"), Number("skipped_documents")));
        var shown = await project.Dtt.OutputAsync("report", "-o", "lengths.png");
        Assert.Matches($"documents +{Number("documents"):N0}\n", shown);
        Assert.Equal("PNG"u8, File.ReadAllBytes(Path.Combine(project.Path, "lengths.png")).AsSpan(1, 3));
        var tokenized = (await project.Dtt.RunAsync("tokenize")).Error;
        Assert.Contains($"documents: {Number("documents"):N0}, the longest of {Number("longest_tokens"):N0} tokens", tokenized);
        Assert.Contains("does not write '.gif' pictures", (await project.Dtt.RunAsync("report", "-o", "lengths.gif")).Error);
        var nothing = await project.Dtt.RunAsync("report", "-v", "999");
        Assert.Equal(3, nothing.ExitCode);
        Assert.Contains("run `dtt tokenize` with the same configuration first", nothing.Error);
    }

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
    public async Task Checkpoints_ListsThemWithTheirStalls()
    {
        var lines = (await project.Dtt.OutputAsync("checkpoints", "undisturbed")).TrimEnd().Split('\n');
        Assert.Equal(2, lines.Length);
        Assert.Matches(@"^step\s+30  attempt 1  val \d\.\d{4}\s+0\.5 MB  [0-9a-f]{12}(  best)?  stall \d+\.\d\d s$", lines[0]);
        Assert.Equal(project.Undisturbed, (await project.Dtt.JsonAsync("checkpoints", "undisturbed"))[1].GetProperty("weights_sha256").GetString());
    }

    [Fact]
    public async Task Runs_TellHowFarEachIs()
    {
        var run = (await project.Dtt.JsonAsync("runs")).EnumerateArray().Single(r => r.GetProperty("run").GetString() == "undisturbed");
        Assert.Equal("completed", run.GetProperty("state").GetString());
        foreach (var (key, value) in new[] { ("step", 40), ("total_steps", 40), ("tokens", 40 * 8 * 32), ("attempts", 1) })
            Assert.Equal(value, run.GetProperty(key).GetInt32());
        Assert.InRange(run.GetProperty("val_loss").GetDouble(), 3, 6.2);
        Assert.Matches(@"undisturbed\s+completed\s+40/40\s+\d\.\d{4}\s+\d\.\d{4}\s+10,240", await project.Dtt.OutputAsync("runs"));
    }

    [Fact]
    public async Task ShowJson_AddsConfigEventsAndCheckpoints()
    {
        var shown = await project.Dtt.JsonAsync("show", "undisturbed");
        Assert.Equal(32, shown.GetProperty("config").GetProperty("n_ctx").GetInt32());
        Assert.Equal("adamw", shown.GetProperty("config").GetProperty("optimizer").GetProperty("name").GetString());
        var kinds = shown.GetProperty("events").EnumerateArray().Select(e => e.GetProperty("kind").GetString());
        Assert.Equal(["started", "committed", "committed", "committed", "committed", "completed"], kinds);
        var checkpoints = shown.GetProperty("checkpoints").EnumerateArray().ToList();
        Assert.Equal([30, 40], checkpoints.Select(c => c.GetProperty("step").GetInt32()));
        Assert.All(checkpoints, c => Assert.True(Directory.Exists(c.GetProperty("path").GetString())));
    }

    [Fact]
    public async Task Metrics_CsvHasARowAStep()
    {
        var lines = (await project.Dtt.OutputAsync("metrics", "undisturbed", "--csv")).Trim().Split('\n');
        Assert.StartsWith("step,grad_norm,learning_rate,", lines[0]);
        Assert.Equal(Enumerable.Range(0, 41).Select(i => i.ToString()), lines[1..].Select(l => l.Split(',')[0]));
    }

    [Fact]
    public async Task Sample_IsTheSameForTheSameSeed_AndStreamsThePromptFirst()
    {
        var first = await project.Dtt.OutputAsync("sample", "undisturbed", "-p", "Once upon a time", "-n", "20", "--seed", "5");
        Assert.StartsWith("Once upon a time", first);
        Assert.Equal(first, await project.Dtt.OutputAsync("sample", "undisturbed@40", "-p", "Once upon a time", "-n", "20", "--seed", "5"));
        var json = await project.Dtt.JsonAsync("sample", "undisturbed@best", "-n", "10", "--num", "2", "-t", "0");
        Assert.Equal(2, json.GetArrayLength());
        Assert.Equal(json[0].GetProperty("text").GetString(), json[1].GetProperty("text").GetString());
    }

    [Theory]
    [InlineData("loss.png", new byte[] { 0x89, 0x50, 0x4E, 0x47 })]
    [InlineData("loss.svg", new byte[] { (byte)'<' })]
    public async Task Plot_WritesAPicture(string file, byte[] start)
    {
        await project.Dtt.OutputAsync("plot", "undisturbed", "-o", file);
        Assert.Equal(start, File.ReadAllBytes(Path.Combine(project.Path, file))[..start.Length]);
    }

    [Fact]
    public async Task Tokenizer_EncodesAndDecodes()
    {
        var ids = (await project.Dtt.OutputAsync("tokenizer", "encode", "Once upon a time")).Trim();
        Assert.Equal("Once upon a time", (await project.Dtt.OutputAsync(["tokenizer", "decode", .. ids.Split(' ')])).Trim());
        Assert.Equal(2, (await project.Dtt.RunAsync("tokenizer", "decode", "512")).ExitCode);
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
    public async Task ATextFile_IsADatasetWithoutAFileForIt()
    {
        var text = Path.Combine(project.Path, "notes.txt");
        File.WriteAllLines(text, Enumerable.Range(0, 2000).Select(i => $"note {i}: the fox met {i % 97} hens and the moon rose over barn {i * 31 % 101}"));
        var result = await project.Dtt.RunAsync("download", "-d", "notes.txt");
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Contains("every line is a document ('documents: lines')", result.Error);
        await project.Dtt.OutputAsync("tokenize", "-d", "notes.txt", "-v", "300");
        await project.Dtt.OutputAsync("train", "-n", "notes", "-d", "notes.txt", "-v", "300", "--set", "max_steps=2");
        var shown = await project.Dtt.JsonAsync("show", "notes");
        Assert.Equal("notes", shown.GetProperty("config").GetProperty("dataset").GetString());
    }

    [Fact]
    public async Task Ndocs_TakesTheFirstDocuments()
    {
        File.WriteAllText(Path.Combine(project.Path, "configs/project_datasets/few.yaml"), "builtin: tales\nbytes: 300000\nseed: 7\nndocs: 40\nn_proc: 15\n");
        var result = await project.Dtt.RunAsync("download", "-d", "few");
        Assert.Contains("few.yaml:5: 'n_proc' is accepted and does nothing: a node uses every core", result.Error);
        result = await project.Dtt.RunAsync("tokenize", "-d", "few");
        Assert.Contains("ids from 40 documents", result.Error);
    }

    [Fact]
    public async Task Audit_FindsAPlantedGap()
    {
        await project.Dtt.OutputAsync("train", "-n", "gap", "--set", "max_steps=5");
        Assert.Contains("5 committed steps in 1 attempt", await project.Dtt.OutputAsync("audit", "gap"));
        Plant("DELETE FROM Metric WHERE Step = 3 AND Series IN (SELECT Id FROM Series WHERE Run LIKE '%/gap')");
        var result = await project.Dtt.RunAsync("audit", "gap");
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("problem: step 3 was never trained in the lineage of step 5", result.Output);
    }

    [Fact]
    public async Task Audit_FindsAPlantedRepeat()
    {
        await project.Dtt.OutputAsync("train", "-n", "repeat", "--detach", "-e", "1000", "--set", "max_steps=100000");
        await Wait.ForAsync("step 3", () => project.StepsReported("repeat") >= 3);
        await project.Dtt.OutputAsync("stop", "repeat");
        await project.Dtt.OutputAsync("resume", "repeat", "--detach");
        var before = project.StepsReported("repeat");
        await Wait.ForAsync("two more steps", () => project.StepsReported("repeat") >= before + 2);
        await project.Dtt.OutputAsync("stop", "repeat");
        Assert.Contains(TinyProject.AuditOk, await project.Dtt.OutputAsync("audit", "repeat"));

        // The second attempt claims the last step of the first one too.
        Plant("""
            INSERT INTO Metric SELECT Id, (SELECT min(Step) FROM Metric WHERE Metric.Series = Series.Id) - 1, 1.0
            FROM Series WHERE Run LIKE '%/repeat' AND Attempt = 2 AND Name = 'train_loss'
            """);
        var result = await project.Dtt.RunAsync("audit", "repeat");
        Assert.Equal(3, result.ExitCode);
        Assert.Matches(@"problem: step \d+ was trained by attempt 1 and again by attempt 2", result.Output);
    }

    [Fact]
    public async Task StopLogsAndDelete_FromAnotherTerminal()
    {
        using var dtt = project.Dtt.Start(["train", "-n", "elsewhere", "-e", "1000", "--set", "max_steps=100000"]);
        await Wait.ForAsync("step 5", () => project.StepsReported("elsewhere") >= 5);
        Assert.Equal("running", (await project.Dtt.JsonAsync("show", "elsewhere")).GetProperty("state").GetString());
        var refused = await project.Dtt.RunAsync("delete", "elsewhere", "--yes");
        Assert.Contains("stop it with `dtt stop elsewhere`", refused.Error);
        var stopped = await project.Dtt.RunAsync("stop", "elsewhere");
        Assert.Matches("run 'elsewhere' is stopped after step [1-9]", stopped.Error);
        Assert.Equal(143, (await dtt.WaitAsync()).ExitCode);
        Assert.Contains("/100000 | loss ", await project.Dtt.OutputAsync("logs", "elsewhere", "-f"));
        Assert.Contains("stopped on request", await project.Dtt.OutputAsync("events", "elsewhere"));
        Assert.Equal(2, (await project.Dtt.RunAsync("delete", "elsewhere")).ExitCode);
        Assert.Equal(0, (await project.Dtt.RunAsync("delete", "elsewhere", "--yes")).ExitCode);
        Assert.False(Directory.Exists(Path.Combine(project.Path, "runs/elsewhere")));

        // A run of the same name begins with attempt 1 again.
        await project.Dtt.OutputAsync("train", "-n", "elsewhere", "--set", "max_steps=2");
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
    public async Task Resume_ToMoreSteps_TrainsWhatALongerRunWouldHave()
    {
        string[] constant = ["--set", "lr_schedule.name=constant", "--set", "warmup_steps=2"];
        await project.Dtt.OutputAsync(["train", "-n", "long", .. constant]);
        await project.Dtt.OutputAsync(["train", "-n", "short", .. constant, "--set", "max_steps=7"]);
        await project.Dtt.OutputAsync("resume", "short", "--set", $"max_steps={TinyProject.Steps}");
        Assert.Equal(await project.FinalWeightsAsync("long"), await project.FinalWeightsAsync("short"));
        Assert.Contains("ok: every step was trained once", await project.Dtt.OutputAsync("audit", "short"));
        var refused = await project.Dtt.RunAsync("resume", "undisturbed", "--set", "max_steps=50");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("`dtt train --set init_from=undisturbed`", refused.Error);
        refused = await project.Dtt.RunAsync("resume", "short", "--set", "seed=4");
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("keeps its configuration but for its length (max_steps, max_tokens, epochs)", refused.Error);
    }

    [Fact]
    public async Task Resume_ToALengthThatCannotBe_SaysWhichKeyBoundsIt_AndChangesNothing()
    {
        await project.Dtt.OutputAsync("train", "-n", "bounded", "--set", "lr_schedule.name=constant", "--set", "max_steps=5");
        var config = await ConfigAsync();
        (string Set, string Message)[] lengths =
        [
            ("max_steps=100000", @"--set max_steps=100000 asks for 100,000 steps, but 'epochs: 1' allows \d+\. Set it as well: .* --set epochs=N"),
            ("max_tokens=999999999", @"asks for 3,906,249 steps, but 'max_steps: 5' allows 5\. "),
            ("epochs=3", @"--set epochs=3 asks for [\d,]+ steps, but 'max_steps: 5' allows 5\. "),
            ("max_steps=2", "5 steps are done already, and 'max_steps: 2' allows 2;"),
            ("max_tokens=512", "5 steps are done already, and 'max_tokens: 512' allows 2;"),
        ];
        foreach (var (set, message) in lengths)
        {
            var refused = await project.Dtt.RunAsync("resume", "bounded", "--set", set);
            Assert.Equal(2, refused.ExitCode);
            Assert.Matches(message, refused.Error);
        }

        Assert.Equal(config, await ConfigAsync());
        await project.Dtt.OutputAsync("resume", "bounded", "--set", "max_steps=6", "--set", "epochs=3");
        Assert.Contains("6 committed steps in 2 attempts", await project.Dtt.OutputAsync("audit", "bounded"));

        async Task<string> ConfigAsync() => (await project.Dtt.JsonAsync("show", "bounded")).GetProperty("config").GetRawText();
    }

    [Fact]
    public async Task SecondRun_WaitsAndSaysForWhom_ThenGoesOnByItself()
    {
        string[] longRun = ["--detach", "-e", "1000", "--set", "max_steps=100000"];
        await project.Dtt.OutputAsync(["train", "-n", "first", .. longRun]);
        await Wait.ForAsync("a step", () => project.StepsReported("first") >= 1);
        await project.Dtt.OutputAsync(["train", "-n", "second", .. longRun]);
        const string reason = "run 'first' has cpu";
        await Wait.UntilAsync("the reason", async () => (await project.Dtt.JsonAsync("show", "second")).GetProperty("waiting").ToString() == reason);
        Assert.Equal("queued", (await project.Dtt.JsonAsync("show", "second")).GetProperty("state").GetString());
        Assert.Contains("run 'first' has cpu", await project.Dtt.OutputAsync("queue"));
        Assert.Equal(0, project.StepsReported("second"));
        await project.Dtt.OutputAsync("stop", "first");
        await Wait.ForAsync("the other run's first step", () => project.StepsReported("second") >= 1);
        await project.Dtt.OutputAsync("stop", "second");
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
    public async Task Completion_SuggestsCommandsAndRuns()
    {
        Assert.Contains("quickstart", await project.Dtt.OutputAsync("[suggest:4]", "dtt "));
        Assert.Contains("undisturbed", await project.Dtt.OutputAsync("[suggest:9]", "dtt show "));
        Assert.DoesNotContain("undisturbed", await project.Dtt.OutputAsync("plot", "--help"));
        Assert.Contains("complete -o default", await project.Dtt.OutputAsync("completion", "bash"));
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

    /// <summary>Changes the metrics' database, in which a run with something wrong would be found.</summary>
    private void Plant(string sql)
    {
        using var metrics = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={project.Dtt.Home}/state/metrics.db;Pooling=false");
        metrics.Open();
        using var command = metrics.CreateCommand();
        command.CommandText = sql;
        Assert.True(command.ExecuteNonQuery() > 0);
    }
}
