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
        Assert.Equal((2, 2), new DeviceRequest(WantsGpu: false, 2, 2, Nodes: 0, MaxNodes: 2, NodeWait: _wait).NodesNow(alive: 5, TimeSpan.Zero));
}
