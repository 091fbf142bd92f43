using System.Collections.Concurrent;
using Dtt.Abstractions;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Data.Datasets;
using Dtt.Data.Tales;
using Dtt.Grains.Tests.Platform;
using Dtt.Silo.Datasets;
using Dtt.Tests;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Dtt.Silo.Tests.Datasets;

/// <summary>A worker at the real grains of a dataset, on real text; what it says to the dataset is noted, and may be lost.</summary>
public sealed class ShardWorkerTests : IAsyncLifetime
{
    private const int Pieces = 12;
    private static readonly int _atWork = 2 * Environment.ProcessorCount;
    private readonly TempFolder _folder = new();
    private readonly FakeAgents _agents = new(["cpu"]);
    private readonly ConcurrentQueue<(WorkDone[] Done, WorkItem[] Working, int Free)> _exchanges = new();
    private Func<int, bool> _isLost = _ => false;
    private Exception _away = new IOException("the database is starting up");
    private int _unrecorded; // times that the database is away when a piece's result comes
    private TestPlatform _platform = null!;
    private ShardWorker _worker = null!;

    public async ValueTask InitializeAsync()
    {
        _platform = await TestPlatform.StartAsync(_agents, silo => silo.AddIncomingGrainCallFilter(async context =>
        {
            if (context.InterfaceMethod.Name == nameof(IDatasetGrain.ExchangeAsync))
            {
                var request = context.Request;
                _exchanges.Enqueue(((WorkDone[])request.GetArgument(1)!, (WorkItem[])request.GetArgument(2)!, (int)request.GetArgument(4)!));
                if (_isLost(_exchanges.Count)) throw new TimeoutException("lost by the test");
            }

            if (context.InterfaceMethod.Name == nameof(IShardGrain.FinishAsync) && Interlocked.Decrement(ref _unrecorded) >= 0)
                throw _away;
            await context.Invoke();
        }));
        _worker = new ShardWorker(_platform.Grains, TimeProvider.System, NullLogger<ShardWorker>.Instance);
        _agents.OnWork = dataset => _worker.Start(dataset, _agents.Here);
    }

    public async ValueTask DisposeAsync()
    {
        await _platform.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Work_IsTakenByFreeCores_AndEveryPieceIsRecorded()
    {
        var end = await TokenizeAsync(Job());
        Assert.Equal((DatasetStage.Done, Pieces), (end.Stage, end.Pieces));
        Assert.All(_exchanges, e => Assert.InRange(e.Free + e.Working.Length, 0, 2 * _atWork));
        Assert.Equal(2 * _atWork, _exchanges.First().Free);
        var done = _exchanges.SelectMany(e => e.Done).Select(d => d.Item).ToList();
        Assert.Equal(done.Distinct(), done);
        foreach (var stage in new[] { DatasetStage.Counting, DatasetStage.Encoding, DatasetStage.Verifying })
        {
            Assert.Equal(Enumerable.Range(0, Pieces), done.Where(d => d.Stage == stage).Select(d => d.Piece).Order());
            for (var piece = 0; piece < Pieces; piece++)
                Assert.Equal("node", (await _platform.Grains.Shard(_folder["tokens"], piece).FindAsync(stage))!.Node);
        }

        await Wait.ForAsync("the worker's rest", () => _worker.Work.Count == 0);
    }

    [Fact]
    public async Task Piece_ThatFails_IsReported_AndEndsTheJobWithItsMessage()
    {
        var job = Job();
        _folder.Write("text/11.jsonl", "{\"text\": \"good\"}\nnot json\n");
        var end = await TokenizeAsync(job);
        Assert.Equal((DatasetStage.Failed, ExitCodes.BadData), (end.Stage, end.FailureCode));
        Assert.Matches(@"11\.jsonl.* is not one JSON object", end.Notes[^1]);
        await Wait.ForAsync("the worker's rest", () => _worker.Work.Count == 0);
    }

    [Fact]
    public async Task Dataset_ThatDoesNotAnswer_IsAskedAgain_AndToldTheSameAgain()
    {
        _isLost = exchange => exchange % 5 == 0;
        var end = await TokenizeAsync(Job());
        Assert.Equal(DatasetStage.Done, end.Stage);
        var exchanges = _exchanges.ToArray();
        for (var lost = 4; lost + 1 < exchanges.Length; lost += 5)
            Assert.Equal(exchanges[lost].Done.Select(d => d.Item), exchanges[lost + 1].Done.Select(d => d.Item));
        Assert.Contains(exchanges.Where((_, i) => i % 5 == 4), e => e.Done.Length > 0);
    }

    [Fact]
    public async Task Database_ThatIsAwayForAMoment_FailsNoPiece()
    {
        _unrecorded = 3;
        Assert.Equal(DatasetStage.Done, (await TokenizeAsync(Job())).Stage);
        Assert.True(_unrecorded < 0);
    }

    [Fact]
    public async Task Database_ThatStaysAway_FailsTheJobWithItsMessage()
    {
        var time = new FakeTimeProvider();
        (_away, _unrecorded) = (new StorageUnavailableException("the database is gone."), int.MaxValue);
        _worker = new ShardWorker(_platform.Grains, time, NullLogger<ShardWorker>.Instance);
        var job = TokenizeAsync(Job());
        await Wait.ForAsync("the worker's rest", () =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return job.IsCompleted && _worker.Work.Count == 0;
        });
        var end = await job;
        Assert.Equal((DatasetStage.Failed, ExitCodes.Failure), (end.Stage, end.FailureCode));
        Assert.StartsWith("the database is gone. What was finished is kept", end.Notes[^1]);
    }

    /// <summary>A job on a folder with a file a piece, for two are more than a shard of 1,000 tokens wants; one of them is JSON.</summary>
    private DatasetJob Job()
    {
        var tales = new TaleGenerator(3);
        for (var piece = 0; piece < Pieces - 1; piece++)
            _folder.Write($"text/{piece:00}.txt", string.Join("\n\n", Enumerable.Range(5 * piece, 5).Select(i => tales.Tell(i))));
        _folder.Write("text/11.jsonl", "{\"text\": \"Once upon a time.\"}\n");
        var config = new ConfigReader(DatasetKeys.All).ReadText($"path: {_folder["text"]}\nshard_size: 1000", "tales.yaml").Values;
        return new DatasetJob
        {
            Dataset = "tales",
            RawOnly = false,
            Config = DatasetConfig.From(config, "tales.yaml"),
            RawFolder = _folder["raw"],
            TokenizerFolder = _folder["tokenizer"],
            TokensFolder = _folder["tokens"],
            VocabSize = 300,
            ValFraction = 0.1,
        };
    }

    private async Task<DatasetProgress> TokenizeAsync(DatasetJob job)
    {
        _ = RawDataset.Prepare(job.Config, job.RawFolder);
        var dataset = _platform.Grains.Dataset(job.Folder);
        await dataset.BeginAsync(job);
        await Wait.UntilAsync("the job's end", async () => (await dataset.FindAsync())!.Stage is DatasetStage.Done or DatasetStage.Failed);
        return (await dataset.FindAsync())!;
    }
}
