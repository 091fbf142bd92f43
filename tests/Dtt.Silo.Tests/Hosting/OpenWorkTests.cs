using System.Collections.Concurrent;
using Dtt.Abstractions;
using Dtt.Core.Runs;
using Dtt.Grains.Tests.Platform;
using Dtt.Silo.Datasets;
using Dtt.Silo.Hosting;
using Dtt.Tests;
using Microsoft.Extensions.Logging.Abstractions;

namespace Dtt.Silo.Tests.Hosting;

public sealed class OpenWorkTests : IAsyncLifetime
{
    private readonly FakeAgents _agents = new(["cpu"]);
    private readonly ConcurrentQueue<string> _woken = new();
    private bool _isBroken = true;
    private TestPlatform _platform = null!;
    private OpenWork _open = null!;

    public async ValueTask InitializeAsync()
    {
        _platform = await TestPlatform.StartAsync(_agents, silo => silo.AddIncomingGrainCallFilter(async context =>
        {
            if (context.InterfaceMethod.Name is nameof(IRunGrain.AgentStartedAsync) or nameof(IQueueGrain.WakeAsync))
            {
                var folder = context.TargetId.Key.ToString()!;
                _woken.Enqueue(context.InterfaceMethod.Name == nameof(IQueueGrain.WakeAsync) ? "queue" : Path.GetFileName(folder));
                if (_isBroken && folder.EndsWith("/a", StringComparison.Ordinal)) throw new InvalidOperationException("a state that no build reads");
            }

            await context.Invoke();
        }));
        var shards = new ShardWorker(_platform.Grains, TimeProvider.System, NullLogger<ShardWorker>.Instance);
        _open = new OpenWork(_platform.Grains, _platform.Tables, _agents, shards, TimeProvider.System, NullLogger<OpenWork>.Instance);
        foreach (var run in new[] { "a", "b" }) await _platform.Tables.PutRunAsync(Row(run));
    }

    public ValueTask DisposeAsync() => _platform.DisposeAsync();

    [Fact]
    public async Task RunThatCannotBeWoken_KeepsNothingElseAsleep()
    {
        Assert.False(await _open.TryWakeAsync());
        Assert.Equal(["a", "b", "queue"], _woken.Order());
        Assert.Equal("queue", _woken.Last());
    }

    [Fact]
    public async Task WhatCouldNotBeWoken_IsToldAgain()
    {
        var waking = _open.WakeAsync(TestContext.Current.CancellationToken);
        await Wait.ForAsync("the first try", () => _woken.Contains("queue"));
        _isBroken = false;
        await waking;
        Assert.True(_woken.Count(w => w == "a") > 1);
    }

    private static RunRow Row(string run) => new()
    {
        Folder = $"/runs/{run}",
        Run = run,
        State = RunState.Running,
        Step = 0,
        TotalSteps = 10,
        TrainLoss = null,
        ValLoss = null,
        Tokens = 0,
        TokensPerSecond = null,
        Attempts = 1,
        CreatedAt = default,
        Version = 1,
    };
}
