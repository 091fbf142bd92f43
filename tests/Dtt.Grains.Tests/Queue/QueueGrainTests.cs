using Dtt.Abstractions;
using Dtt.Core.Runs;
using Dtt.Grains.Storage;
using Dtt.Grains.Tests.Platform;
using Dtt.Grains.Tests.Runs;
using Dtt.Tests;

namespace Dtt.Grains.Tests.Queue;

public sealed class QueueGrainTests : IAsyncLifetime
{
    private static readonly DeviceRequest _cpu = new(WantsGpu: false, 1, 1);
    private readonly FakeAgents _agents = new(["cpu"]);
    private TestPlatform _platform = null!;

    private IQueueGrain Queue => _platform.Grains.GetGrain<IQueueGrain>(0);

    public async ValueTask InitializeAsync()
    {
        _agents.Hold("cpu", "/runs/other", held: true);
        _platform = await TestPlatform.StartAsync(_agents);
    }

    public ValueTask DisposeAsync() => _platform.DisposeAsync();

    [Fact]
    public async Task Reservation_Refused_TellsTheRunWhy_AndIsTriedAgain()
    {
        var run = _platform.Grains.Run("/runs/r");
        await run.CreateAsync(RunGrainTests.Request());
        await Wait.UntilAsync("a reason", async () => (await run.FindAsync())!.Waiting == "run 'other' has cpu");
        Assert.Equal("run 'other' has cpu", Assert.Single(await Queue.ListAsync()).Reason);
        _agents.Hold("cpu", "/runs/other", held: false);
        await Queue.WakeAsync();
        await Wait.ForAsync("the launch", () => _agents.Heard("LaunchAsync /runs/r 1"));
        await Wait.UntilAsync("an empty queue", async () => (await Queue.ListAsync()).Length == 0);
        Assert.Null((await run.FindAsync())!.Waiting);
    }

    [Fact]
    public async Task Grant_RefusedByTheRun_GivesTheReservationBack()
    {
        _agents.Hold("cpu", "/runs/other", held: false);
        await Queue.EnqueueAsync("/runs/deleted", 1, 0, _cpu, null);
        await Wait.ForAsync("the release", () => _agents.Heard("ReleaseAsync /runs/deleted 1"));
        await Wait.UntilAsync("an empty queue", async () => (await Queue.ListAsync()).Length == 0);
        Assert.Null(_agents.HolderOf("cpu"));
    }

    [Fact]
    public async Task Order_IsByPriority_ThenThoseThatRanBefore_ThenByTime()
    {
        await Queue.EnqueueAsync("/runs/first", 1, 0, _cpu, null);
        await Queue.EnqueueAsync("/runs/second", 1, 0, _cpu, null);
        await Queue.EnqueueAsync("/runs/recovering", 2, 0, _cpu, null);
        await Queue.EnqueueAsync("/runs/urgent", 1, 5, _cpu, null);
        await Queue.EnqueueAsync("/runs/first", 1, 0, _cpu, null); // keeps its place
        await Wait.UntilAsync("reasons", async () => (await Queue.ListAsync())[0].Reason == "run 'other' has cpu");
        await Wait.UntilAsync("the reasons of the others", async () => (await Queue.ListAsync())[1..].All(r => r.Reason == "behind run 'urgent' in the queue"));
        Assert.Equal(["/runs/urgent", "/runs/recovering", "/runs/first", "/runs/second"], (await Queue.ListAsync()).Select(r => r.Run));
        await Queue.DequeueAsync("/runs/urgent");
        Assert.Equal("/runs/recovering", (await Queue.ListAsync())[0].Run);
    }

    [Fact]
    public async Task RunThatTrainedOnGpus_WaitsForANodeThatHasSome_BeforeItTakesACpu()
    {
        var agents = new FakeAgents(["cpu"]);
        await using var platform = await TestPlatform.StartAsync(agents);
        var queue = platform.Grains.GetGrain<IQueueGrain>(0);
        var request = new DeviceRequest(WantsGpu: true, 1, 1, NodeWait: TimeSpan.FromHours(1)) { LastOnGpus = true };
        await queue.EnqueueAsync("/runs/waits", 2, 5, request, null);
        await queue.EnqueueAsync("/runs/patience-is-over", 2, 4, request with { NodeWait = TimeSpan.Zero }, null);
        await queue.EnqueueAsync("/runs/never-had-any", 1, 3, request with { LastOnGpus = false }, null);
        await Wait.UntilAsync("the first alone", async () => (await queue.ListAsync()) is [{ Run: "/runs/waits" }]);
        Assert.StartsWith("it trained on GPUs, and no node has any now; after 3600 s (node_wait)", Assert.Single(await queue.ListAsync()).Reason);
    }

    [Fact]
    public async Task RunThatNeedsMoreGpusThanAnyNodeHas_KeepsItsPlace_AndHoldsNobodyUp()
    {
        var agents = new FakeAgents(["gpu:0", "cpu"]);
        await using var platform = await TestPlatform.StartAsync(agents);
        var queue = platform.Grains.GetGrain<IQueueGrain>(0);
        await queue.EnqueueAsync("/runs/big", 1, 5, new DeviceRequest(WantsGpu: true, 2, 2), null);
        await queue.EnqueueAsync("/runs/small", 1, 0, new DeviceRequest(WantsGpu: true, 1, 1), null);
        await Wait.ForAsync("the other's reservation", () => agents.Heard("ReserveAsync /runs/small 1"));
        await Wait.UntilAsync("the first alone", async () => (await queue.ListAsync()) is [{ Run: "/runs/big" }]);
        Assert.Contains("it needs 2 GPUs, and this machine has 1", Assert.Single(await queue.ListAsync()).Reason);
        agents.Hold("gpu:0", "/runs/other", held: true);
        await queue.EnqueueAsync("/runs/needs-one", 1, 3, new DeviceRequest(WantsGpu: true, 1, 1), null); // it can come about, so it holds others up
        await queue.EnqueueAsync("/runs/behind", 1, 2, new DeviceRequest(WantsGpu: true, 1, 1), null);
        await Wait.UntilAsync("a reason", async () => (await queue.ListAsync())[^1].Reason == "behind run 'needs-one' in the queue");
    }

    [Fact]
    public async Task Line_SurvivesReactivation_AndGoesOnByItself()
    {
        var run = _platform.Grains.Run("/runs/r");
        await run.CreateAsync(RunGrainTests.Request());
        await Queue.EnqueueAsync("/runs/urgent", 1, 5, _cpu, null);
        await _platform.DeactivateAsync(Queue);
        Assert.Equal(["/runs/urgent", "/runs/r"], (await Queue.ListAsync()).Select(r => r.Run));
        Assert.Equal(2, _platform.Storage.Reads(StateStorage.Queue));
        _agents.Hold("cpu", "/runs/other", held: false);
        await Wait.ForAsync("the launch", () => _agents.Heard("LaunchAsync /runs/r 1"));
    }

    [Fact]
    public async Task Agent_WithoutAnswer_LeavesTheRunInLine()
    {
        _agents.Hold("cpu", "/runs/other", held: false);
        _agents.Fail = ("ReserveAsync", new TimeoutException());
        await _platform.Grains.Run("/runs/r").CreateAsync(RunGrainTests.Request());
        await Wait.ForAsync("the launch", () => _agents.Heard("LaunchAsync /runs/r 1"));
        Assert.True(_agents.Count("ReserveAsync /runs/r 1") > 1);
    }
}
