using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Dtt.Tests;

namespace Dtt.Cli.Tests;

/// <summary><c>dtt batch</c> leads from a step to its text, and <c>dtt skip</c> leaves the windows of steps out.</summary>
public sealed class BatchAndSkipTests(TinyProject project) : IClassFixture<TinyProject>
{
    private const int WindowsPerStep = 8;

    [Fact]
    public async Task Batch_LeadsToTheTextOfEveryWindow_AndToTheStepsLoss()
    {
        await project.Dtt.OutputAsync("train", "-n", "plain", "--set", "dropout=0", "--set", "keep=9");
        var windows = (await project.Dtt.JsonAsync("batch", "plain@31..32")).EnumerateArray().ToList();
        Assert.Equal(Enumerable.Range(30 * WindowsPerStep, 2 * WindowsPerStep), windows.Select(w => w.GetProperty("position").GetInt32()));
        var raw = File.ReadAllBytes(Path.Combine(project.Path, "data", "tiny", "raw", "tales.txt"));
        foreach (var window in windows)
        {
            Assert.Equal((33, 30), (window.GetProperty("tokens").GetInt32(), window.GetProperty("checkpoint").GetInt32()));
            foreach (var document in window.GetProperty("documents").EnumerateArray())
            {
                var (at, before) = (document.GetProperty("byte").GetInt32(), document.GetProperty("text_from").GetInt32());
                var text = Encoding.UTF8.GetBytes(document.GetProperty("text").GetString()!);
                Assert.True(raw.AsSpan(at + before).StartsWith(text));
                Assert.Equal(raw.AsSpan(0, at).Count((byte)'\n') + 1, document.GetProperty("line").GetInt32());
            }
        }

        // The checkpoint of step 30 is what step 31 was computed with, and there is no dropout.
        var loss = windows.Take(WindowsPerStep).Average(w => w.GetProperty("loss").GetDouble());
        Assert.Equal((await project.LossesAsync("plain"))[31], loss, tolerance: 1e-4);

        var (brief, full) = (await project.Dtt.OutputAsync("batch", "plain@5", "--no-loss"), await project.Dtt.OutputAsync("batch", "plain@40", "--full"));
        Assert.StartsWith("plain, step 5: 8 windows of 32 tokens, positions 32–39 of the data order", brief);
        Assert.Matches(@"position 32, epoch 1, train_\d+\.bin, tokens [\d,]+–[\d,]+\n  /.*/tales\.txt, line [\d,]+, byte [\d,]+", brief);
        Assert.DoesNotContain("loss", brief);
        Assert.Matches(@"mean loss \d\.\d{4} at the checkpoint of step 30, before it was trained on them", full);
    }

    [Fact]
    public async Task Batch_OfWindowsThatBeginWithDocuments_AndAMask_HasTheStepsLossToo()
    {
        LongTests.Only();
        await project.Dtt.OutputAsync("train", "-n", "masked", "--set", "dropout=0", "--set", "document_mask=true", "--set", "pack=bos");
        var windows = (await project.Dtt.JsonAsync("batch", "masked@31")).EnumerateArray().ToList();
        Assert.Equal((await project.LossesAsync("masked"))[31], windows.Average(w => w.GetProperty("loss").GetDouble()), tolerance: 1e-4);
        Assert.All(windows, w => Assert.NotEqual("", w.GetProperty("documents")[0].GetProperty("text").GetString()));

        const string twice = @"in two windows: [1-9][\d,]* of [\d,]+ \([\d.]+ %\), of documents that begin again";
        var audit = await project.Dtt.OutputAsync("audit", "masked");
        Assert.Matches($@"\n320 windows of 32 tokens: 0 whole epochs of [\d,]+, and 320 of the next; .*\ntokens in no window: .*; {twice}\n", audit);
        Assert.Contains(TinyProject.AuditOk, audit);
        var dry = await project.Dtt.OutputAsync("train", "--dry-run", "--set", "pack=bos");
        Assert.Matches($@"\ntokens in no window      [\d,]+ of .*, at the ends of shards; {twice}\n", dry);
        Assert.DoesNotContain("in two windows", dry[dry.IndexOf("\nvalidation windows", StringComparison.Ordinal)..]); // those lie side by side
    }

    [Fact]
    public async Task Batch_WhoseRawTextIsGone_StillShowsTheWindows_AndSaysSo()
    {
        var (raw, away) = (Path.Combine(project.Path, "data", "tiny", "raw"), Path.Combine(project.Path, "data", "tiny", "away"));
        Directory.Move(raw, away);
        var result = await project.Dtt.RunAsync("batch", "undisturbed@7", "--no-loss");
        Directory.Move(away, raw);
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("note: where the documents stand is not known: the raw text of dataset 'tiny' is not in ", result.Error);
        Assert.Matches(@"\n  document [\d,]+ of the shard \(piece 0 of the raw text\)", result.Output);
    }

    [Theory]
    [InlineData("undisturbed", 2, "which step?")]
    [InlineData("undisturbed@0", 2, "'0' is not a step or a stretch of steps")]
    [InlineData("undisturbed@9..4", 2, "the first step is after the last; write 4..9")]
    [InlineData("undisturbed@41", 3, "run 'undisturbed' has not reached step 41: it has done 40 of 40.")]
    [InlineData("undisturbd@4", 2, "Did you mean 'undisturbed'?")]
    public async Task Batch_OfWhatIsNotThere_SaysWhat(string reference, int exitCode, string message)
    {
        var result = await project.Dtt.RunAsync("batch", reference);
        Assert.Equal(exitCode, result.ExitCode);
        Assert.Contains(message, result.Error);
    }

    [Fact]
    public async Task Batch_OfARunThatTrains_WorksWithoutACheckpoint()
    {
        const string run = "trains";
        await project.Dtt.OutputAsync("train", "-n", run, "-e", "1000", "--set", "max_steps=100000", "--set", "save_every=0", "--detach");
        await Wait.ForAsync("step 4", () => project.StepsReported(run) >= 4);
        var windows = await project.Dtt.JsonAsync("batch", $"{run}@3", "--no-loss");
        var result = await project.Dtt.RunAsync("batch", $"{run}@3");
        await project.Dtt.OutputAsync("stop", run);
        Assert.Equal(WindowsPerStep, windows.GetArrayLength());
        Assert.Equal((3, true), (result.ExitCode, result.Error.Contains("has no checkpoint yet, and losses are computed with one; --no-loss leaves them out")));
    }

    [Fact]
    public async Task Skip_AfterwardsOrInAdvance_GivesTheSameRun_AndAuditProvesTheRest()
    {
        // One that was complete goes back; the other is told before it gets there.
        await project.Dtt.OutputAsync("train", "-n", "back");
        var trained = (await project.Dtt.JsonAsync("batch", "back@35..36", "--no-loss")).EnumerateArray().ToList();
        var back = await project.Dtt.RunAsync("skip", "back", "35..36");
        Assert.Equal(0, back.ExitCode);
        Assert.Contains("the windows of steps 35–36 (positions 272–287) are left out, as was asked; the run goes back to step 30", back.Error);
        Assert.Contains("Go on with: dtt resume back", back.Error);
        Assert.Equal(30, (await project.Dtt.JsonAsync("show", "back")).GetProperty("step").GetInt32());
        foreach (var steps in new[] { "35..36", "36" })
        {
            var again = await project.Dtt.RunAsync("skip", "back", steps);
            Assert.Equal((0, true), (again.ExitCode, again.Error.StartsWith("run 'back': the windows of these steps are left out already. Go on with: ")));
        }

        await project.Dtt.OutputAsync("resume", "back");

        await project.Dtt.OutputAsync("train", "-n", "ahead", "--set", "max_steps=40", "--detach");
        await Wait.ForAsync("step 3", () => project.StepsReported("ahead") >= 3);
        await project.Dtt.OutputAsync("stop", "ahead");
        await project.Dtt.OutputAsync("skip", "ahead", "35..36");
        await project.Dtt.OutputAsync("resume", "ahead");

        var weights = await project.FinalWeightsAsync("back");
        Assert.Equal(weights, await project.FinalWeightsAsync("ahead"));
        Assert.NotEqual(project.Undisturbed, weights);
        var losses = await project.LossesAsync("back");
        Assert.Equal(Enumerable.Range(1, TinyProject.Steps), losses.Keys);
        Assert.Equal(project.UndisturbedLosses.Take(34), losses.Take(34));
        Assert.NotEqual(project.UndisturbedLosses[35], losses[35]);
        foreach (var run in new[] { "back", "ahead" })
        {
            var audit = await project.Dtt.OutputAsync("audit", run);
            Assert.Contains("320 windows of 32 tokens", audit);
            Assert.Contains("without 16 that are left out", audit);
            Assert.Contains("left out: the windows of steps 35–36 (positions 272–287), as was asked, since attempt 2", audit);
            Assert.Contains(TinyProject.AuditOk + ", but for those that are left out", audit);
            var leftOut = (await project.Dtt.JsonAsync("show", run)).GetProperty("left_out").EnumerateArray().Single();
            Assert.Equal((272, 288), (leftOut.GetProperty("from").GetInt32(), leftOut.GetProperty("to").GetInt32()));
            var positions = (await project.Dtt.JsonAsync("batch", $"{run}@35", "--no-loss")).EnumerateArray().Select(w => w.GetProperty("position").GetInt32());
            Assert.Equal(Enumerable.Range(288, WindowsPerStep), positions);
        }

        // What is left out can be looked at, with the loss of a checkpoint that has not seen it.
        var leftOutWindows = (await project.Dtt.JsonAsync("batch", "back@1..40", "--left-out", "--no-loss")).EnumerateArray().ToList();
        Assert.All(leftOutWindows, w => Assert.Equal(2, w.GetProperty("left_out_since").GetInt32()));
        static string Shown(JsonElement window) => Regex.Replace(window.GetRawText(), "\"left_out_since\": ?(2|null)", "");
        Assert.Equal(trained.Select(Shown), leftOutWindows.Select(Shown));
        var printed = await project.Dtt.OutputAsync("batch", "back@36", "--left-out");
        Assert.StartsWith("back, step 36: 8 windows of 32 tokens, positions 280–287 of the data order, left out since attempt 2", printed);
        Assert.Matches(@"mean loss \d\.\d{4} at the checkpoint of step 30, which was not trained on these positions", printed);
        Assert.Contains("note: some windows of these steps are left out; --left-out shows them.", (await project.Dtt.RunAsync("batch", "back@36")).Error);
        var none = await project.Dtt.RunAsync("batch", "back@37", "--left-out");
        Assert.Equal((3, true), (none.ExitCode, none.Error.Contains("run 'back' leaves out no windows of step 37; `dtt show back` lists what it leaves out")));

        Assert.Contains("left out: the windows of steps 35–36 (positions 272–287)", await project.Dtt.OutputAsync("show", "back"));
        var manifest = File.ReadAllText(Path.Combine(project.Path, "runs", "back", "checkpoints", "step_00000040.a02", "manifest.json"));
        using var json = JsonDocument.Parse(manifest);
        Assert.Equal((2, 336), (json.RootElement.GetProperty("order_version").GetInt32(), json.RootElement.GetProperty("position").GetInt32()));
    }

    [Fact]
    public async Task Skip_OfARunThatTrains_SendsItBack_WithTwoRanksToo()
    {
        LongTests.Only();
        const string run = "trains-on";
        string[] two = ["--set", "ranks_per_node=2", "--set", "grad_accumulation_steps=1", "--set", "max_steps=100000", "-e", "1000", "--set", "keep=1000"];
        await project.Dtt.OutputAsync(["train", "-n", run, .. two, "--detach"]);
        await Wait.ForAsync("step 23", () => project.StepsReported(run) >= 23);
        var skipped = await project.Dtt.RunAsync("skip", run, "15");
        Assert.Equal(0, skipped.ExitCode);
        Assert.DoesNotContain("dtt resume", skipped.Error); // by itself
        await Wait.ForAsync("the next attempt's first step", () => project.StepsReported(run, attempt: 2) > 0);
        await project.Dtt.OutputAsync("stop", run);
        var shown = await project.Dtt.JsonAsync("show", run);
        Assert.Contains(TinyProject.EventsOf(shown, "started"), m => m.StartsWith("attempt 2 on cpu") && m.EndsWith("from step 10"));
        Assert.Contains(TinyProject.AuditOk, await project.Dtt.OutputAsync("audit", run));
    }

    [Theory]
    [InlineData("5", 1, "there is no checkpoint from before step 5 to go back to; it has 30, 40, so that steps from 31 on can be left out")]
    [InlineData("40..41", 1, "it has 40 steps, and step 41 is behind the last")]
    [InlineData("x", 2, "'x' is not a step or a stretch of steps")]
    public async Task Skip_ThatMakesNoSense_SaysWhy(string steps, int exitCode, string message)
    {
        var result = await project.Dtt.RunAsync("skip", "undisturbed", steps);
        Assert.Equal((exitCode, true), (result.ExitCode, result.Error.Contains(message)));
        Assert.Equal(TinyProject.Steps, (await project.Dtt.JsonAsync("show", "undisturbed")).GetProperty("step").GetInt32());
    }
}
