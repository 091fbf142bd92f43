using System.Net;
using System.Text.Json.Nodes;
using Dtt.Core.Platform;
using Dtt.Tests;

namespace Dtt.Core.Tests.Platform;

public sealed class SiloAnnouncementTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void File_ComesBackAsItWasWritten()
    {
        var silo = SiloAnnouncement.OfThisProcess("b", IPAddress.Parse("10.1.2.3"), 30000, 11111, "build", "host/db");
        silo.Save(_folder["silo.json"]);
        Assert.Equal(silo, SiloAnnouncement.FindLiving(_folder["silo.json"]));
    }

    [Fact]
    public void FileOfAnOlderBuild_IsThisMachinesSiloOnLoopback()
    {
        SiloAnnouncement.OfThisProcess("b", IPAddress.Parse("10.1.2.3"), 30000, 11111, "old", null).Save(_folder["silo.json"]);
        var json = JsonNode.Parse(File.ReadAllText(_folder["silo.json"]))!.AsObject();
        foreach (var key in new[] { "node", "address", "process_space", "store", "job", "started_at" }) Assert.True(json.Remove(key), key);
        _folder.Write("silo.json", json.ToJsonString());
        var silo = SiloAnnouncement.FindLiving(_folder["silo.json"])!;
        Assert.Equal((Environment.MachineName, new IPEndPoint(IPAddress.Loopback, 30000)), (silo.Node, silo.Gateway));
        Assert.Equal(silo, SiloAnnouncement.FindLiving(_folder["silo.json"]));
    }
}
