using System.Text.Json;
using Dtt.Core.Runs;
using Dtt.Grains.Devices;
using Dtt.Grains.Queue;
using Dtt.Grains.Storage;

namespace Dtt.Grains.Tests.Queue;

public sealed class QueueAndDeviceTests
{
    private static readonly DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly DeviceRequest _cpu = new(WantsGpu: false, 1, 1), _gpu = new(WantsGpu: true, 1, 1);

    [Fact]
    public void Order_IsByPriorityThenRecoveringThenTime()
    {
        var queue = new QueueState();
        queue = QueueDecider.Enqueue(queue, "first", 1, 0, _cpu, _now);
        queue = QueueDecider.Enqueue(queue, "recovering", 2, 0, _cpu, _now.AddSeconds(1));
        queue = QueueDecider.Enqueue(queue, "urgent", 1, 5, _cpu, _now.AddSeconds(2));
        Assert.Equal(["urgent", "recovering", "first"], QueueDecider.Order(queue).Select(e => e.Run));
    }

    [Fact]
    public void Enqueue_AgainForTheSameOrAnEarlierAttempt_KeepsThePlace()
    {
        var queue = QueueDecider.Enqueue(new QueueState(), "a", 2, 0, _cpu, _now);
        Assert.Same(queue, QueueDecider.Enqueue(queue, "a", 2, 0, _cpu, _now.AddHours(1)));
        Assert.Same(queue, QueueDecider.Enqueue(queue, "a", 1, 0, _cpu, _now.AddHours(1)));
        Assert.Same(queue, QueueDecider.Dequeue(queue, "a", attempt: 1));
        var resumed = QueueDecider.Enqueue(queue, "a", 2, 0, new DeviceRequest(WantsGpu: false, 4, 4), _now.AddHours(1)).Entries.Single();
        Assert.Equal((4, _now), (resumed.Request.Ranks, resumed.Since)); // resumed on more ranks before the queue heard of its stop
        Assert.Empty(QueueDecider.Dequeue(queue, "a", attempt: 2).Entries);
    }

    [Fact]
    public void State_KeepsItsNamesInTheDatabase()
    {
        var json = JsonSerializer.Serialize(QueueDecider.Enqueue(new QueueState(), "a", 2, 5, _gpu, _now), GrainJson.Default.QueueState);
        Assert.Contains("""{"run":"a","attempt":2,"priority":5,"wish":{"wants_gpu":true,"ranks":1,"min_ranks":1,"nodes":1,"min_nodes":1""", json);
        Assert.Equal(_gpu, JsonSerializer.Deserialize(json, GrainJson.Default.QueueState)!.Entries.Single().Request);
        const string earlier = """
            {"entries":[{"run":"a","attempt":2,"priority":5,"wish":{"wants_gpu":true,"ranks":1,"min_ranks":1},"since":"2026-01-02T03:04:05+00:00"}]}
            """;
        Assert.Equal(_gpu, JsonSerializer.Deserialize(earlier, GrainJson.Default.QueueState)!.Entries.Single().Request);
    }

    [Fact]
    public void Device_IsGivenOnce_AndAReservationEndsByItself()
    {
        var devices = new DeviceTable(["cpu"]);
        Assert.Equal(["cpu"], devices.Reserve("/runs/a", 1, _gpu, _now).Devices);
        Assert.Equal("run 'a' has cpu", devices.Reserve("/runs/b", 1, _cpu, _now).Reason);
        Assert.Equal(["cpu"], devices.Reserve("/runs/b", 1, _cpu, _now + DeviceTable.ReservationTime + TimeSpan.FromSeconds(1)).Devices);
        Assert.False(devices.Hold(["cpu"], "/runs/a", 1, _now + DeviceTable.ReservationTime + TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public void Hold_LastsUntilReleased()
    {
        var devices = new DeviceTable(["gpu:0", "gpu:1", "cpu"]);
        var first = devices.Reserve("/a", 1, _gpu, _now).Devices;
        Assert.True(devices.Hold(first, "/a", 1, _now));
        Assert.Equal(["gpu:1"], devices.Reserve("/b", 1, _gpu, _now.AddDays(1)).Devices);
        Assert.Equal(["cpu"], devices.Reserve("/c", 1, _cpu, _now.AddDays(1)).Devices);
        devices.Release("/a", 1);
        Assert.Equal(["gpu:0"], devices.Reserve("/d", 1, _gpu, _now.AddDays(1)).Devices);
    }

    [Fact]
    public void Hold_OfLessThanWasReserved_FreesTheRest()
    {
        var devices = new DeviceTable(["gpu:0", "gpu:1"]);
        Assert.Equal(["gpu:0", "gpu:1"], devices.Reserve("/a", 1, new DeviceRequest(true, 2, 2), _now).Devices);
        Assert.True(devices.Hold(["gpu:0"], "/a", 1, _now));
        Assert.Equal(["gpu:1"], devices.Reserve("/b", 1, _gpu, _now).Devices);
    }

    [Fact]
    public void Reserve_SeveralRanks_TakesAllTheGpusItNeedsOrAsManyAsWillDo()
    {
        var devices = new DeviceTable(["gpu:0", "gpu:1", "gpu:2", "cpu"]);
        Assert.Equal(["gpu:0", "gpu:1"], devices.Reserve("/a", 1, new DeviceRequest(true, 2, 2), _now).Devices);
        Assert.Equal("run 'a' has gpu:0, run 'a' has gpu:1", devices.Reserve("/b", 1, new DeviceRequest(true, 3, 2), _now).Reason);
        Assert.Equal(["gpu:2"], devices.Reserve("/b", 1, new DeviceRequest(true, 3, 1), _now).Devices);
        Assert.Contains("it needs 4 GPUs, and this machine has 3", devices.Reserve("/c", 1, new DeviceRequest(true, 4, 4), _now).Reason);
        Assert.True(devices.Hold(["gpu:0", "gpu:1"], "/a", 1, _now));
        Assert.Equal(["gpu:0", "gpu:1"], devices.Reserve("/a", 1, new DeviceRequest(true, 2, 2), _now.AddDays(1)).Devices);
        Assert.False(devices.Hold(["gpu:1", "gpu:2"], "/d", 1, _now.AddDays(1)));
        devices.Release("/a", 1);
        Assert.Equal(["gpu:0", "gpu:1", "gpu:2"], devices.Reserve("/d", 1, new DeviceRequest(true, 3, 2), _now.AddDays(1)).Devices);
    }

    [Fact]
    public void Reserve_SeveralRanksOnTheCpu_ShareIt()
    {
        var devices = new DeviceTable(["cpu"]);
        Assert.Equal(["cpu", "cpu:1", "cpu:2"], devices.Reserve("/a", 1, new DeviceRequest(true, 3, 3), _now).Devices);
        Assert.True(devices.Hold(["cpu", "cpu:1", "cpu:2"], "/a", 1, _now));
        Assert.Equal("run 'a' has cpu", devices.Reserve("/b", 1, _cpu, _now).Reason);
    }
}
