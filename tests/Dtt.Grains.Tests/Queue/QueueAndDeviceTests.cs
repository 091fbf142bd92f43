using Dtt.Grains.Devices;
using Dtt.Grains.Queue;

namespace Dtt.Grains.Tests.Queue;

public sealed class QueueAndDeviceTests
{
    private static readonly DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [Fact]
    public void Order_IsByPriorityThenRecoveringThenTime()
    {
        var queue = new QueueState();
        queue = QueueDecider.Enqueue(queue, "first", 1, 0, false, _now);
        queue = QueueDecider.Enqueue(queue, "recovering", 2, 0, false, _now.AddSeconds(1));
        queue = QueueDecider.Enqueue(queue, "urgent", 1, 5, false, _now.AddSeconds(2));
        Assert.Equal(["urgent", "recovering", "first"], QueueDecider.Order(queue).Select(e => e.Run));
    }

    [Fact]
    public void Enqueue_AgainForTheSameOrAnEarlierAttempt_KeepsThePlace()
    {
        var queue = QueueDecider.Enqueue(new QueueState(), "a", 2, 0, false, _now);
        Assert.Same(queue, QueueDecider.Enqueue(queue, "a", 2, 0, false, _now.AddHours(1)));
        Assert.Same(queue, QueueDecider.Enqueue(queue, "a", 1, 0, false, _now.AddHours(1)));
        Assert.Same(queue, QueueDecider.Dequeue(queue, "a", attempt: 1));
        Assert.Empty(QueueDecider.Dequeue(queue, "a", attempt: 2).Entries);
    }

    [Fact]
    public void Device_IsGivenOnce_AndAReservationEndsByItself()
    {
        var devices = new DeviceTable(["cpu"]);
        Assert.Equal("cpu", devices.Reserve("/runs/a", 1, wantsGpu: true, _now).Device);
        Assert.Equal("run 'a' has cpu", devices.Reserve("/runs/b", 1, false, _now).Reason);
        Assert.Equal("cpu", devices.Reserve("/runs/b", 1, false, _now + DeviceTable.ReservationTime + TimeSpan.FromSeconds(1)).Device);
        Assert.False(devices.Hold("cpu", "/runs/a", 1, _now + DeviceTable.ReservationTime + TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public void Hold_LastsUntilReleased()
    {
        var devices = new DeviceTable(["gpu:0", "gpu:1", "cpu"]);
        var first = devices.Reserve("/a", 1, true, _now).Device!;
        Assert.True(devices.Hold(first, "/a", 1, _now));
        Assert.Equal("gpu:1", devices.Reserve("/b", 1, true, _now.AddDays(1)).Device);
        Assert.Equal("cpu", devices.Reserve("/c", 1, false, _now.AddDays(1)).Device);
        devices.Release("/a", 1);
        Assert.Equal("gpu:0", devices.Reserve("/d", 1, true, _now.AddDays(1)).Device);
    }
}
