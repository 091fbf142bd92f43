using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary>What each command prints and how it ends; <see cref="TrainCommandTests"/> has training.</summary>
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
    public async Task Completion_SuggestsCommandsAndRuns()
    {
        Assert.Contains("quickstart", await project.Dtt.OutputAsync("[suggest:4]", "dtt "));
        Assert.Contains("undisturbed", await project.Dtt.OutputAsync("[suggest:9]", "dtt show "));
        Assert.DoesNotContain("undisturbed", await project.Dtt.OutputAsync("plot", "--help"));
        Assert.Contains("complete -o default", await project.Dtt.OutputAsync("completion", "bash"));
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
