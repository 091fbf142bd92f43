using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Runs;
using Dtt.Tests;

namespace Dtt.Core.Tests.Runs;

public sealed class FileRunStoreTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FileRunStore _store;
    private readonly ArtefactPaths _paths = new() { Raw = "/r", DatasetConfig = "/d", Tokenizer = "/v", Tokens = "/t", Runs = "/runs" };

    public FileRunStoreTests() => _store = new FileRunStore(_folder["runs"], TimeProvider.System);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Create_TakenName_IsNumbered()
    {
        Assert.Equal(["a", "a-2", "a-3"], Enumerable.Range(0, 3).Select(_ => _store.Create("a", "seed: 1", _paths).Run));
    }

    [Fact]
    public void Create_ManyAtOnce_GivesEachItsOwnName()
    {
        var names = new System.Collections.Concurrent.ConcurrentBag<string>();
        Parallel.For(0, 16, _ => names.Add(_store.Create("a", "seed: 1", _paths).Run));
        Assert.Equal(16, names.Distinct().Count());
    }

    [Fact]
    public void Begin_WhileOwned_IsRefused()
    {
        _store.Create("a", "", _paths);
        using var first = _store.Begin("a");
        Assert.Contains("being trained by another process", Assert.Throws<UserErrorException>(() => _store.Begin("a")).Message);
    }

    [Fact]
    public void IsOwned_WhileAnAttemptLives()
    {
        _store.Create("a", "", _paths);
        using (_store.Begin("a")) Assert.True(FileRunStore.IsOwned(_store.FolderOf("a")));
        Assert.False(FileRunStore.IsOwned(_store.FolderOf("a")));
    }

    [Fact]
    public void Commit_SurvivesReopeningAndIsNotLost()
    {
        _store.Create("a", "", _paths);
        using (var attempt = _store.Begin("a")) Assert.True(attempt.Commit(Checkpoint(5, 1)).Accepted);
        using var next = _store.Begin("a");
        Assert.Equal((2, 5), (next.Attempt, next.Record.Latest!.Step));
    }

    [Fact]
    public void Begin_SweepsUncommittedCheckpointsOnly()
    {
        _store.Create("a", "", _paths);
        var checkpoints = Path.Combine(_store.FolderOf("a"), "checkpoints");
        using (var attempt = _store.Begin("a"))
        {
            Directory.CreateDirectory(Path.Combine(checkpoints, "step_00000005.a01"));
            Directory.CreateDirectory(Path.Combine(checkpoints, "step_00000009.a01"));
            attempt.Commit(Checkpoint(5, 1));
        }

        using var next = _store.Begin("a");
        Assert.Equal(["step_00000005.a01"], Directory.EnumerateDirectories(checkpoints).Select(Path.GetFileName));
    }

    [Fact]
    public void Retain_DeletesFoldersOfForgottenCheckpoints()
    {
        _store.Create("a", "", _paths);
        using var attempt = _store.Begin("a");
        foreach (var step in new[] { 1, 2, 3 })
        {
            Directory.CreateDirectory(Path.Combine(_store.FolderOf("a"), "checkpoints", CommittedCheckpoint.FolderNameOf(step, 1)));
            attempt.Commit(Checkpoint(step, 1));
            attempt.Retain(2);
        }

        Assert.Equal(["step_00000002.a01", "step_00000003.a01"], Directory.EnumerateDirectories(Path.Combine(_store.FolderOf("a"), "checkpoints")).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void ReadMetrics_LineTornByAKill_IsPassedOverAndTheNextAttemptStaysWhole()
    {
        _store.Create("a", "", _paths);
        using (var attempt = _store.Begin("a"))
        {
            attempt.Started(0, new RunPlan(10, 1, 8), "f");
            attempt.Append([Row(1), Row(2)]);
        }

        File.AppendAllText(Path.Combine(_store.FolderOf("a"), "metrics", "a01.jsonl"), "{\"step\":3,\"val");
        Assert.Equal([1, 2], _store.ReadAttempt("a", 1).Select(r => r.Step));
    }

    [Fact]
    public void Read_DamagedRecord_SaysWhichFile()
    {
        _store.Create("a", "", _paths);
        File.WriteAllText(Path.Combine(_store.FolderOf("a"), "run.json"), "{");
        var error = Assert.Throws<BadDataException>(() => FileRunStore.Read(_store.FolderOf("a")));
        Assert.Contains("run.json is not a run's record", error.Message);
    }

    [Theory]
    [InlineData("..")]
    [InlineData("a/b")]
    public void FolderOf_NameThatLeavesTheFolder_IsRefused(string run) => Assert.Throws<UserErrorException>(() => _store.FolderOf(run));

    private static StepMetrics Row(long step) => new(step, new Dictionary<string, double> { [MetricNames.TrainLoss] = step });

    private static CommittedCheckpoint Checkpoint(long step, int attempt) =>
        new() { Step = step, Attempt = attempt, ManifestSha256 = $"m{step}", WeightsSha256 = "w", SizeBytes = 1 };
}
