using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Training.Checkpoints;
using Dtt.Training.Evaluation;

namespace Dtt.Training.Tests;

/// <summary>Runs over several datasets, within this process.</summary>
public sealed class MixtureTests(TinyRun run) : IClassFixture<TinyRun>
{
    private const string Mixture = "datasets: [{name: a, weight: 3}, {name: b, weight: 1}]";

    [Fact]
    public void Run_OfOneDatasetByWeight_IsThatOfThePlainOne()
    {
        var (plain, mixed) = (new RecordingChannel(), new RecordingChannel());
        run.Train(plain, 0, "max_steps: 6", "dropout: 0.1", "dataset: a");
        run.Train(mixed, 0, "max_steps: 6", "dropout: 0.1", "datasets: [{name: a, weight: 5}]");
        Assert.Equal(plain.Commits.Last().ManifestSha256, mixed.Commits.Last().ManifestSha256);
        Assert.Equal(plain.Commits.Last().ValLoss, mixed.Commits.Last().ValLoss);
        Assert.Null(mixed.Messages.OfType<RankStarted>().Single().Mixture);
    }

    [Fact]
    public void Run_FromACheckpoint_EndsWithAnUndisturbedRunsWeights()
    {
        var (whole, first, second) = (new RecordingChannel(), new RecordingChannel { StopAtStep = 2 }, new RecordingChannel());
        Train(whole, [], Mixture);
        Train(first, [], Mixture);
        Train(second, [new CommittedCheckpoint(first.Commits.Single())], Mixture);
        Assert.Equal(4, second.Steps.First());
        Assert.Equal(whole.Commits.Last().WeightsSha256, second.Commits.Last().WeightsSha256);

        var other = new RecordingChannel();
        Train(other, [], "datasets: [{name: a, weight: 1}, {name: b, weight: 3}]");
        Assert.NotEqual(whole.Commits.Last().WeightsSha256, other.Commits.Last().WeightsSha256);
    }

    [Fact]
    public void Run_FromACheckpoint_OfAnotherMixture_IsRefusedForGood()
    {
        var first = new RecordingChannel { StopAtStep = 2 };
        Train(first, [], Mixture);
        var started = first.Messages.OfType<RankStarted>().Single();
        Assert.Equal("a 3 : b 1", started.Mixture!.ToString());
        var checkpoint = new CommittedCheckpoint(first.Commits.Single());
        foreach (var pinned in new[] { started, null }) // null: only the checkpoint knows
        {
            var error = Assert.Throws<UserErrorException>(() => Train(new RecordingChannel(), [checkpoint], Mixture.Replace("3", "2"), pinned));
            Assert.Equal(ExitCodes.BadData, error.ExitCode);
            Assert.StartsWith("run 'tiny' was trained on the mixture a 3 : b 1, and its configuration and tokens now make it a 2 : b 1. ", error.Message);
        }

        var folder = new RunLayout(run.RunFolder).Checkpoint(checkpoint.FolderName);
        Assert.Equal(started.Mixture, CheckpointFolder.ReadManifest(folder, checkpoint.ManifestSha256).Mixture);
    }

    [Fact]
    public void Validation_IsOfEachDataset_AndCountsByItsShare()
    {
        var host = new RecordingChannel();
        Train(host, [], Mixture);
        var values = host.Messages.OfType<MetricsReport>().SelectMany(m => m.Rows).Last(r => r.Values.ContainsKey(MetricNames.ValLoss)).Values;
        var expected = 0.75 * values[MetricNames.ValLossOf("a")] + 0.25 * values[MetricNames.ValLossOf("b")];
        Assert.Equal(expected, values[MetricNames.ValLoss], 1e-9);
    }

    [Theory]
    [InlineData(Mixture)]
    [InlineData("datasets: [{name: a, epochs: 0.5}, {name: b, epochs: 2}]")]
    public void Evaluate_HasTheRunsLoss_AndTouchesNoTrainingToken(string mixture)
    {
        var (host, evaluated) = (new RecordingChannel(), new RecordingChannel());
        string[] keys = ["max_steps: 6", "pack: bos", mixture];
        var (tokens, other) = (run.Tokenize($"a-{Guid.NewGuid():N}", valFraction: 0.2), run.Tokenize($"b-{Guid.NewGuid():N}", valFraction: 0.4));
        TrainSpec spec = null!;
        run.Train(host, 0, s => spec = s with { TokensFolder = tokens, OtherTokensFolders = [other] }, keys);
        foreach (var shard in new[] { tokens, other }.SelectMany(folder => Directory.EnumerateFiles(folder, "train*"))) File.Delete(shard);
        var last = host.Commits.Last();
        EvaluateWork.Run(new EvaluateSpec
        {
            Source = new CheckpointSource(
                new RunLayout(run.RunFolder).Checkpoint(new CommittedCheckpoint(last).FolderName), last.ManifestSha256, spec.ConfigYaml, tokens,
                spec.TokenizerFolder)
            { OtherTokensFolders = [other] },
        }, evaluated);
        var trained = host.Messages.OfType<MetricsReport>().SelectMany(m => m.Rows).Last(r => r.Values.ContainsKey(MetricNames.ValLoss)).Values;
        var values = Assert.Single(evaluated.Messages.OfType<EvaluateResult>()).Values;
        Assert.Equal(trained[MetricNames.ValLoss], values[MetricNames.ValLoss], 1e-6);
        Assert.Equal(trained[MetricNames.ValLossOf("b")], values[MetricNames.ValLossOf("b")], 1e-6);
    }

    [Fact]
    public void Validation_OfADatasetWithoutAny_IsSaid_AndTheOthersCount()
    {
        var host = new RecordingChannel();
        Train(host, [], Mixture, other: "whole", valFraction: 0);
        var told = Assert.Single(host.Messages.OfType<RankEvent>(), e => e.Kind == EventKinds.NoValidation);
        Assert.StartsWith("the validation shards of b hold no window of 17 tokens, so there will be no validation loss of b;", told.Message);
        var values = host.Messages.OfType<MetricsReport>().SelectMany(m => m.Rows).Last(r => r.Values.ContainsKey(MetricNames.ValLoss)).Values;
        Assert.Equal(values[MetricNames.ValLossOf("a")], values[MetricNames.ValLoss]);
    }

    private void Train(RecordingChannel host, IReadOnlyList<CommittedCheckpoint> from, string mixture, RankStarted? pinned = null, string other = "mixed",
        double valFraction = 0.4)
    {
        var folder = Path.Combine(Path.GetDirectoryName(run.RunFolder)!, other);
        if (!Directory.Exists(folder)) run.Tokenize(other, valFraction);
        TrainSpec Of(TrainSpec spec) => spec with
        {
            Attempt = from.Count + 1,
            ResumeFrom = from,
            OtherTokensFolders = [folder],
            TokenData = pinned?.TokenData,
            Mixture = pinned?.Mixture,
        };
        run.Train(host, 0, Of, "max_steps: 6", "dropout: 0.1", mixture);
    }
}
