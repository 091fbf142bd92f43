using Dtt.Core.Storage;
using Dtt.Tests;

namespace Dtt.Core.Tests.Storage;

public sealed class LineLogTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Append_AfterATornLine_StartsANewOne()
    {
        _folder.Write("log", "one\ntw");
        using (var log = new LineLog(_folder["log"])) log.Append("three"u8);
        Assert.Equal("one\ntw\nthree\n", File.ReadAllText(_folder["log"]));
    }

    [Fact]
    public void Sync_OnADiskThatTakesNothing_ThrowsAndKeepsTheLines()
    {
        // /dev/full answers every write as a full disk does.
        var log = new LineLog("/dev/full");
        log.Append("waits"u8);
        Assert.ThrowsAny<IOException>(log.Sync);
    }
}
