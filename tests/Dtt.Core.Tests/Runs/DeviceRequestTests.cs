using Dtt.Core.Runs;

namespace Dtt.Core.Tests.Runs;

public sealed class DeviceRequestTests
{
    private static readonly TimeSpan _wait = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(3, 1, 1, 0, 3, 3)]    // as many as it wants
    [InlineData(3, 1, 1, 59, 3, 3)]
    [InlineData(3, 1, 1, 60, 3, 1)]   // it has waited for the lost ones
    [InlineData(3, 2, 1, 60, 3, 2)]
    [InlineData(0, 1, 1, 0, 5, 5)]    // all that live
    [InlineData(0, 1, 7, 0, 7, 7)]    // and those that it had
    [InlineData(0, 1, 7, 60, 7, 1)]
    public void NodesNow_AreAllOrNone_UntilItHasWaited(int nodes, int fewest, int last, int waited, int wanted, int atLeast)
    {
        var request = new DeviceRequest(WantsGpu: false, 2, 2, nodes, fewest, last, NodeWait: _wait);
        Assert.Equal((wanted, atLeast), request.NodesNow(alive: 5, TimeSpan.FromSeconds(waited)));
    }

    [Fact]
    public void NodesNow_AreNeverMoreThanHaveSomethingToDo() =>
        Assert.Equal((2, 2), new DeviceRequest(WantsGpu: false, 2, 2, Nodes: 0, MaxRanks: 5, NodeWait: _wait).NodesNow(alive: 5, TimeSpan.Zero));

    [Fact]
    public void Place_TakesNoMoreRanksThanHaveSomethingToDo()
    {
        var request = new DeviceRequest(WantsGpu: true, 4, 2, Nodes: 0, MaxRanks: 6);
        var offers = Enumerable.Range(0, 3).Select(n => (new NodeRef($"n{n}", "1"), (IReadOnlyList<string>)["gpu:0", "gpu:1", "gpu:2", "gpu:3"])).ToList();
        var places = request.Place(offers);
        Assert.Equal([("n0", 0, 4), ("n1", 4, 2)], places.Select(p => (p.Node.Node, p.FirstRank, p.Devices.Count)));
        Assert.True(request.IsFull(places));
        Assert.False(request.IsFull(request.Place(offers.Take(1))));
    }
}
