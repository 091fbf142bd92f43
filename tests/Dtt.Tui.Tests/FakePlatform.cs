using System.Runtime.CompilerServices;
using Dtt.Abstractions;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Tui.Data;

namespace Dtt.Tui.Tests;

/// <summary>A platform with four runs and three datasets, whose answers a test can make fail.</summary>
internal sealed class FakePlatform : IPlatform
{
    public List<string> Asked { get; } = [];

    public Exception? Failure { get; set; }

    public RunRow[] Runs { get; } =
        [Row("quickstart", RunState.Running, 600), Row("prose", RunState.Failed, 30), Row("done", RunState.Completed, 1200), Row("next", RunState.Queued, 0)];

    public Task<RunRow[]> RunsAsync() => Answer(Runs);

    public Task<DatasetProgress[]> DatasetsAsync() => Answer(new[] { Dataset("tales"), Dataset("prose"), Dataset("code") });

    public Task<ShardRow[]> ShardsAsync(string dataset) => Answer<ShardRow[]>(
    [
        new(0, true, true, true, false), new(1, true, true, false, false), new(2, true, false, false, true), new(3, false, false, false, false),
    ]);

    public Task<RunDetail?> RunAsync(string folder)
    {
        var row = Runs.FirstOrDefault(r => r.Folder == folder);
        if (row is null) return Answer<RunDetail?>(null);
        var record = new RunRecord
        {
            Version = 1,
            Run = row.Run,
            State = row.State,
            CreatedAt = default,
            TotalSteps = row.TotalSteps,
            TokensPerStep = 10,
            Checkpoints = row.Step == 0 ? [] : [Checkpoint(200, 4.0), Checkpoint(400, 3.0), Checkpoint(600, 3.5)],
        };
        var request = new RunRequest { ConfigYaml = "", TokensFolder = "/t", TokenizerFolder = "/v", Environment = new Dictionary<string, string>() };
        var view = new RunView { Row = row, Record = record, Request = request, Placements = [], StopRequested = false, FailureCode = 0 };
        return Answer<RunDetail?>(new RunDetail(
            view,
            [.. Enumerable.Range(1, 300).Select(i => ((long)i * 2, 8 * Math.Exp(-i / 60.0) + 2))],
            [(200, 4.0), (400, 3.0), (600, 3.5)],
            [new RunEvent(default, "started", "attempt 1 on cpu"), new RunEvent(default, "died", "the rank was killed by signal 9")],
            ["step 599", "step 600"]));
    }

    public Task StopAsync(string folder)
    {
        Asked.Add($"stop {folder}");
        return Task.CompletedTask;
    }

    public Task ResumeAsync(string folder)
    {
        Asked.Add($"resume {folder}");
        return Task.CompletedTask;
    }

    public async IAsyncEnumerable<RankMessage> SampleAsync(
        string run, long step, SampleSettings settings, [EnumeratorCancellation] CancellationToken cancellation)
    {
        Asked.Add($"sample {run}@{step} {settings.Prompt}|{settings.Temperature}|{settings.Seed}");
        await Task.Yield();
        yield return new SampledText(0, " there lived\u0007 a king", false, 0, 0);
        yield return new SampledText(0, "", true, 5, 0.5);
    }

    private Task<T> Answer<T>(T value) => Failure is null ? Task.FromResult(value) : Task.FromException<T>(Failure);

    private static RunRow Row(string run, RunState state, long step) => new()
    {
        Folder = $"/runs/{run}",
        Run = run,
        State = state,
        Step = step,
        TotalSteps = 1200,
        TrainLoss = 2.5,
        ValLoss = 3.0,
        Tokens = step * 10,
        TokensPerSecond = 1000,
        Attempts = 1,
        CreatedAt = default,
        Version = 1,
    };

    private static DatasetProgress Dataset(string name) => new()
    {
        Folder = $"/d/{name}/tokens",
        Dataset = name,
        RawOnly = false,
        Stage = DatasetStage.Encoding,
        Pieces = 4,
        PiecesDone = 1,
        Notes = [$"tokenizer: {name}_512"],
        FailureCode = 0,
        Version = 1,
    };

    private static CommittedCheckpoint Checkpoint(long step, double val) => new()
    {
        Step = step,
        Attempt = 1,
        ManifestSha256 = "m",
        WeightsSha256 = "w",
        SizeBytes = 13_000_000,
        ValLoss = val,
    };
}
