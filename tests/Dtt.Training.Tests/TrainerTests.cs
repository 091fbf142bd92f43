using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Training.Checkpoints;
using Dtt.Training.HuggingFace;

namespace Dtt.Training.Tests;

/// <summary>A GPU's numbers are read one step late; here a CPU's are, and what is told and committed is compared with a run that reads them at once.</summary>
public sealed class TrainerTests(TinyRun run) : IClassFixture<TinyRun>
{
    [Fact]
    public void Run_ReadingLate_TellsEveryStepOnceInOrder_EachBeforeItsCommit_AndTheSameNumbers()
    {
        var hosts = new[] { 0, 1, 2 }.Select(lag => (Host: new RecordingChannel(), Lag: lag)).ToList();
        foreach (var (host, lag) in hosts)
        {
            var finished = run.Train(host, lag, "max_steps: 7", "save_every: 2", "eval_every: 3");
            Assert.Equal(new RankFinished(7, Completed: true), finished);
            Assert.Equal(Enumerable.Range(1, 7).Select(s => (long)s), host.Steps);
            Assert.Equal([2, 4, 6, 7], host.Commits.Select(c => c.Step));
            foreach (var (at, message) in host.Messages.Index())
            {
                var told = RecordingChannel.StepsIn(host.Messages.Take(at));
                if (message is CommitRequest commit) Assert.Contains(commit.Checkpoint.Step, told);
                if (message is TrainingSample { Step: > 0 } sample) Assert.Equal(sample.Step, told.Max());
            }
        }

        var expected = Numbers(hosts[0].Host);
        Assert.All(hosts, h => Assert.Equal(expected, Numbers(h.Host)));
    }

    [Fact]
    public void Run_ThatSavesByTheClock_SaysHowOften_AndEndsWithACheckpoint()
    {
        var host = new RecordingChannel();
        run.Train(host, 0, "max_steps: 3", "save_every: auto");
        Assert.Equal([3], host.Commits.Select(c => c.Step)); // a day between failures: none is due in so short a run
        var plan = Assert.Single(host.Messages.OfType<RankEvent>(), e => e.Kind == EventKinds.SavePlan);
        Assert.Matches(@"^a checkpoint every .* \([\d,]+ steps\): a save costs [\d.]+ s, and a failure is expected every 24\.0 hours$", plan.Message);
    }

    [Fact]
    public void Run_WhoseHostCannotTakeACommit_SavesLater_ButAsksAgainAtItsEnd()
    {
        var host = new RecordingChannel { CommitsNotTaken = 3 };
        Assert.Equal(new RankFinished(4, Completed: true), run.Train(host, 0, "max_steps: 4", "save_every: 2"));
        Assert.Equal([2, 4, 4, 4], host.Commits.Select(c => c.Step));
        var told = Assert.Single(host.Messages.OfType<RankEvent>(), e => e.Kind == EventKinds.SaveFailed);
        Assert.Contains("step 2 could not be written (the database is away)", told.Message);
    }

    [Fact]
    public void Run_WhoseCheckpointMayNotBeWritten_GoesOn_AlsoWhenItMayNotBeDeletedEither()
    {
        const UnixFileMode all = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        var folder = new RunLayout(run.RunFolder).Checkpoint(WrittenCheckpoint.FolderNameOf(2, 1));
        var host = new RecordingChannel
        {
            OnCommit = checkpoint =>
            {
                if (checkpoint.Step != 2) return;
                File.SetUnixFileMode(folder, all & ~UnixFileMode.UserWrite); // root deletes it nevertheless
                throw new UnauthorizedAccessException("not yours.");
            },
        };
        Assert.Equal(new RankFinished(4, Completed: true), run.Train(host, 0, "max_steps: 4", "save_every: 2"));
        var told = Assert.Single(host.Messages.OfType<RankEvent>(), e => e.Kind == EventKinds.SaveFailed);
        Assert.Contains("step 2 could not be written (not yours); training goes on", told.Message);
        if (Directory.Exists(folder)) File.SetUnixFileMode(folder, all);
    }

    /// <summary>A rate that no weight survives: the second step's loss is not a number.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 0)] // the next step has taken the gradient's place when the number is read
    [InlineData(2, 0)]
    public void Run_ANumberThatIsNotFinite_IsSaidOfItsStep_AndNothingOfItIsCommitted(int lag, int saveEvery)
    {
        string[] keys = ["max_steps: 6", $"save_every: {saveEvery}", "lr_schedule:", "  name: constant", "  params:", "    lr_max: 1.0e+30", "grad_clip: 0"];
        var (expected, host) = (new RecordingChannel(), new RecordingChannel());
        var atOnce = Assert.Throws<UserErrorException>(() => run.Train(expected, 0, keys));
        var late = Assert.Throws<UserErrorException>(() => run.Train(host, lag, keys));
        Assert.StartsWith("step 2: the loss is NaN", atOnce.Message);
        Assert.Contains("The gradient of ", atOnce.Message);
        Assert.Equal(atOnce.Message, late.Message);
        Assert.Equal([1], host.Steps);
        Assert.Equal(saveEvery == 1 ? [1L] : [], host.Commits.Select(c => c.Step));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Run_AskedToStop_CommitsTheLastStepItTook(int lag)
    {
        var host = new RecordingChannel { StopAtStep = 2 };
        var finished = run.Train(host, lag, "max_steps: 50");
        Assert.False(finished.Completed);
        Assert.InRange(finished.Step, 3, 5);
        Assert.Equal([finished.Step], host.Commits.Select(c => c.Step));
        Assert.Equal(finished.Step, host.Steps.Last());
    }

    [Fact]
    public void Run_WithoutSamples_HasTheSameLossesAndWeights()
    {
        var (with, without) = (new RecordingChannel(), new RecordingChannel());
        string[] keys = ["max_steps: 2", "eval_every: 1"];
        run.Train(with, 0, keys);
        run.Train(without, 0, spec => spec with { TakeSamples = false }, keys);
        Assert.Equal([0L, 1, 2], with.Messages.OfType<TrainingSample>().Select(s => s.Step));
        Assert.Empty(without.Messages.OfType<TrainingSample>());
        Assert.NotNull(without.Commits.Last().ValLoss);
        Assert.Equal(Numbers(with).Where(line => !IsSample(line)), Numbers(without));

        bool IsSample(string line) => with.Messages.OfType<TrainingSample>().Any(s => line == $"{s.Step} {s.Text}");
    }

    [Theory]
    [InlineData("dropout: 0.1")]
    [InlineData("document_mask: true")]
    [InlineData("pack: bos")]
    public void Run_FromACheckpoint_EndsWithAnUndisturbedRunsWeights(string key)
    {
        var (whole, first, second) = (new RecordingChannel(), new RecordingChannel { StopAtStep = 2 }, new RecordingChannel());
        string[] keys = ["max_steps: 6", key];
        run.Train(whole, 0, keys);
        run.Train(first, 0, keys);
        run.Train(second, 1, [new CommittedCheckpoint(first.Commits.Single())], keys);
        Assert.Equal(4, second.Steps.First());
        Assert.Equal(whole.Commits.Last().WeightsSha256, second.Commits.Last().WeightsSha256);
    }

    [Fact]
    public void Run_FromACheckpoint_OnOtherTokens_IsRefusedForGood_AndOnTheSameMadeAgainGoesOn()
    {
        var (whole, first) = (new RecordingChannel(), new RecordingChannel { StopAtStep = 2 });
        run.Train(whole, 0, "max_steps: 6");
        run.Train(first, 0, "max_steps: 6");
        var pinned = first.Messages.OfType<RankStarted>().Single().TokenData;
        var (checkpoint, other) = (new CommittedCheckpoint(first.Commits.Single()), run.Tokenize("other", valFraction: 0.5));
        foreach (var known in new[] { pinned, null }) // null: only the checkpoint knows
        {
            var host = new RecordingChannel();
            var error = Assert.Throws<UserErrorException>(() => Resume(host, checkpoint, known, other));
            Assert.Equal(ExitCodes.BadData, error.ExitCode);
            const string tokens = @"[\d,]+ training and [\d,]+ validation tokens \([0-9a-f]{12}\)";
            Assert.Matches($@"^run 'tiny' was trained on {tokens}, and {other} now holds {tokens}\. Put its tokens back ", error.Message);
            Assert.Empty(host.Messages); // no other checkpoint was tried
        }

        var again = new RecordingChannel();
        Resume(again, checkpoint, pinned, run.Tokenize("again", valFraction: 0.2));
        Assert.Equal(whole.Commits.Last().WeightsSha256, again.Commits.Last().WeightsSha256);
    }

    [Fact]
    public void Run_FromACheckpointOfAnEarlierBuild_TakesTheTokensThatAreThere_ButNoOtherTokenizer()
    {
        var first = new RecordingChannel { StopAtStep = 2 };
        run.Train(first, 0, "max_steps: 6");
        var manifest = Path.Combine(new RunLayout(run.RunFolder).Checkpoint(first.Commits.Single().FolderName), CheckpointManifest.FileName);
        var json = JsonNode.Parse(File.ReadAllBytes(manifest))!.AsObject();
        Assert.True(json.Remove("token_data"));
        var (host, others) = (new RecordingChannel(), run.Tokenize("others", valFraction: 0.5));
        Resume(host, Changed(), null, others);
        Assert.Equal((first.Commits.Single().Step + 1, 6), (host.Steps.First(), host.Steps.Last()));

        json["tokenizer_sha256"] = new string('0', 64);
        var error = Assert.Throws<UserErrorException>(() => Resume(new RecordingChannel(), Changed(), null, others));
        Assert.Equal(ExitCodes.BadData, error.ExitCode);
        Assert.Contains("was trained with another tokenizer (000000000000) than the one that made the tokens in ", error.Message);

        CommittedCheckpoint Changed()
        {
            File.WriteAllText(manifest, json.ToJsonString());
            var sha256 = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(manifest)));
            return new CommittedCheckpoint(first.Commits.Single()) with { ManifestSha256 = sha256 };
        }
    }

    private void Resume(RecordingChannel host, CommittedCheckpoint checkpoint, TokenIdentity? pinned, string tokens) => run.Train(
        host, 0, spec => spec with { Attempt = 2, ResumeFrom = [checkpoint], TokenData = pinned, TokensFolder = tokens }, "max_steps: 6");

    [Fact]
    public void Checkpoint_OfARunThatLeavesNothingOut_IsAsItWasBeforeRunsCould()
    {
        var host = new RecordingChannel();
        run.Train(host, 0, "max_steps: 3");
        var file = Path.Combine(new RunLayout(run.RunFolder).Checkpoint(host.Commits.Last().FolderName), CheckpointManifest.FileName);
        using var json = JsonDocument.Parse(File.ReadAllBytes(file));
        string[] names =
        [
            "format", "run", "attempt", "step", "position", "order_version", "seed", "model", "tokenizer_sha256", "token_data", "fingerprint", "weights_sha256",
            "files",
        ];
        Assert.Equal(names, json.RootElement.EnumerateObject().Select(p => p.Name));
        Assert.Equal((12, 1), (json.RootElement.GetProperty("position").GetInt32(), json.RootElement.GetProperty("order_version").GetInt32()));
    }

    [Fact]
    public void Checkpoint_HasAManifestOfTheShapeOfAnImportedOne()
    {
        var host = new RecordingChannel();
        run.Train(host, 0, "max_steps: 1");
        string At(string name) => Path.Combine(run.RunFolder, name);
        var imported = new RunLayout(HuggingFaceImport.Read(
            new ImportSpec(Path.Combine(AppContext.BaseDirectory, "reference", "hf-gpt2"), "theirs", At("runs"), At("tokenizers"))).RunFolder);
        var trained = Keys(run.RunFolder, host.Commits.Last()).Where(k => k != "token_data Object"); // an import has no data
        Assert.Equal(trained, Keys(imported.Folder, RunFile.Read(imported).Record!.Latest!));

        static IEnumerable<string> Keys(string runFolder, WrittenCheckpoint checkpoint)
        {
            var file = Path.Combine(new RunLayout(runFolder).Checkpoint(checkpoint.FolderName), CheckpointManifest.FileName);
            using var json = JsonDocument.Parse(File.ReadAllBytes(file));
            return [.. json.RootElement.EnumerateObject().Select(p => $"{p.Name} {p.Value.ValueKind}")];
        }
    }

    /// <summary>All that is told and committed but times and memory.</summary>
    private static List<string> Numbers(RecordingChannel host)
    {
        string[] measured = [MetricNames.StepSeconds, MetricNames.TokensPerSecond, MetricNames.MemoryBytes, MetricNames.Mfu, MetricNames.SaveStallSeconds];
        var rows = host.Messages.OfType<MetricsReport>().SelectMany(m => m.Rows).OrderBy(r => r.Step);
        return [
            .. rows.SelectMany(r => r.Values.Where(v => !measured.Contains(v.Key)).Select(v => $"{r.Step} {v.Key} {v.Value:R}")),
            .. host.Commits.Select(c => $"{c.Step} {c.WeightsSha256} {c.ManifestSha256} {c.TrainLoss:R} {c.ValLoss:R}"),
            .. host.Messages.OfType<TrainingSample>().Select(s => $"{s.Step} {s.Text}")];
    }
}
