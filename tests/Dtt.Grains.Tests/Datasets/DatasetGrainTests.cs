using Dtt.Abstractions;
using Dtt.Core.Runs;
using Dtt.Grains.Tests.Platform;

namespace Dtt.Grains.Tests.Datasets;

public sealed class DatasetGrainTests : IAsyncLifetime
{
    private static readonly NodeRef _one = new("one", "silo-1"), _two = new("two", "silo-2");
    private readonly FakeAgents _agents = new(["cpu"]);
    private TestPlatform _platform = null!;

    public async ValueTask InitializeAsync() => _platform = await TestPlatform.StartAsync(_agents);

    public ValueTask DisposeAsync() => _platform.DisposeAsync();

    [Fact]
    public async Task WorkOfADeadSilo_IsOfferedToTheNextThatAsks_AndOfALivingOneIsNot()
    {
        var dataset = await BeginAsync();
        var whole = (await dataset.ExchangeAsync(_one, [], [], Underway.None, 4)).Items.Single();
        Assert.Empty((await dataset.ExchangeAsync(_two, [], [], Underway.None, 4)).Items);
        _agents.Dead.Add(_one.Silo);
        Assert.Equal([whole], (await dataset.ExchangeAsync(_two, [], [], Underway.None, 4)).Items);
    }

    [Fact]
    public async Task Pieces_GoToWhoeverIsFree_AndProgressSaysWhoDidHowMany()
    {
        var dataset = await BeginAsync();
        var plan = (await dataset.ExchangeAsync(_one, [], [], Underway.None, 4)).Items.Single();
        var mine = (await dataset.ExchangeAsync(_one, [new WorkDone(plan, Pieces: 6, SkipTo: DatasetStage.Encoding)], [], Underway.None, 4)).Items;
        var theirs = (await dataset.ExchangeAsync(_two, [], [], Underway.None, 4)).Items;
        Assert.Equal([0, 1, 2, 3], mine.Select(i => i.Piece));
        Assert.Equal([4, 5], theirs.Select(i => i.Piece));
        await dataset.ExchangeAsync(_one, [.. mine.Take(3).Select(i => new WorkDone(i, Tokens: 10))], [], Underway.None, 0);
        await dataset.ExchangeAsync(_two, [.. theirs.Select(i => new WorkDone(i, Tokens: 5))], [], Underway.None, 0);
        Assert.Equal([("one", 3, 30L), ("two", 2, 10L)], (await dataset.FindAsync())!.Nodes.Select(n => (n.Node, n.Pieces, n.Tokens)));
    }

    [Fact]
    public async Task WhatANodeThatStoodStillSays_OfWorkThatAnotherTookOver_CountsOnlyWhereItIsDone()
    {
        var dataset = await BeginAsync();
        var plan = (await dataset.ExchangeAsync(_one, [], [], Underway.None, 1)).Items.Single();
        var items = (await dataset.ExchangeAsync(_one, [new WorkDone(plan, Pieces: 3)], [], Underway.None, 3)).Items.ToArray();
        _agents.Dead.Add(_one.Silo);
        Assert.Equal(items, (await dataset.ExchangeAsync(_two, [], [], Underway.None, 3)).Items);
        await dataset.ExchangeAsync(_two, [new WorkDone(items[2])], items[..2], Underway.None, 0);
        _agents.Dead.Clear();

        WorkDone[] late = [new(items[0]), new(items[1], Error: "the draft is gone", ErrorCode: 3), new(items[2], Error: "the draft is gone", ErrorCode: 3)];
        Assert.Empty((await dataset.ExchangeAsync(_one, late, [items[1]], Underway.None, 3)).Items);
        Assert.Equal((DatasetStage.Counting, 2), await StageAsync());
        await dataset.ExchangeAsync(_two, [new WorkDone(items[1], Error: "bad text", ErrorCode: 3)], [], Underway.None, 0);
        Assert.Equal(DatasetStage.Failed, (await StageAsync()).Stage);

        async Task<(DatasetStage Stage, int Done)> StageAsync() => (await dataset.FindAsync()) is { } now ? (now.Stage, now.PiecesDone) : default;
    }

    [Fact]
    public async Task Node_ThatDoesNotAnswer_KeepsNobodyFromBeginning()
    {
        _agents.Fail = ("WorkAvailableAsync", new TimeoutException("dead"));
        Assert.NotEmpty((await (await BeginAsync()).ExchangeAsync(_two, [], [], Underway.None, 4)).Items);
    }

    [Fact]
    public async Task WriteThatFailed_IsDoneAgain_WithTheNextCall()
    {
        (_platform.Storage.Failing, _platform.Storage.FailBeforeWrite) = ("dataset", new IOException("the disk is full"));
        await Assert.ThrowsAnyAsync<Exception>(BeginAsync);
        var dataset = await BeginAsync();
        await _platform.DeactivateAsync(dataset);
        Assert.Equal(DatasetStage.Planning, (await dataset.FindAsync())!.Stage);

        var plan = (await dataset.ExchangeAsync(_one, [], [], Underway.None, 1)).Items.Single();
        _platform.Storage.FailBeforeWrite = new IOException("the disk is full");
        await Assert.ThrowsAnyAsync<Exception>(() => dataset.ExchangeAsync(_one, [new WorkDone(plan, Pieces: 6)], [], Underway.None, 0));
        await dataset.ExchangeAsync(_one, [new WorkDone(plan, Pieces: 6)], [], Underway.None, 0);
        await _platform.DeactivateAsync(dataset);
        Assert.Equal(6, (await dataset.FindAsync())!.Pieces);
    }

    private async Task<IDatasetGrain> BeginAsync()
    {
        var dataset = _platform.Grains.Dataset(DatasetDeciderTests.Job().Folder);
        await dataset.BeginAsync(DatasetDeciderTests.Job());
        return dataset;
    }
}
