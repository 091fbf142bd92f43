using System.Net;
using Dtt.Core.Platform;
using Dtt.Silo.Hosting;
using Dtt.Tests;
using Microsoft.Extensions.Time.Testing;

namespace Dtt.Silo.Tests.Hosting;

public sealed class AnnouncementTests : IDisposable
{
    private static readonly TimeSpan _look = TimeSpan.FromSeconds(2);
    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _time = new();

    private PlatformFolders Folders => new(_folder["home"], _folder["state"]);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void FilesThatSomebodyRemoved_AreWrittenAgain_UntilTheyAreWithdrawn()
    {
        Directory.CreateDirectory(Folders.State);
        using var announcement = new Announcement(Folders, Options(), _time);
        announcement.Publish();
        var silo = ClusterFolder.Read(Folders).Single();
        Assert.Single(ClusterFolder.Forget(Folders, _ => true));
        File.Delete(Folders.AnnouncementFile);
        _time.Advance(_look);
        Assert.Equal((silo, silo), (ClusterFolder.Read(Folders).Single(), SiloAnnouncement.Read(Folders.AnnouncementFile)));

        announcement.Withdraw();
        _time.Advance(_look);
        Assert.Empty(ClusterFolder.Read(Folders));
        Assert.False(File.Exists(Folders.AnnouncementFile));
    }

    [Fact]
    public void FileOfAnotherLife_IsLeftAlone()
    {
        Directory.CreateDirectory(Folders.State);
        using var announcement = new Announcement(Folders, Options(), _time);
        announcement.Publish();
        var other = ClusterFolder.Read(Folders).Single() with { GatewayPort = 9 };
        ClusterFolder.Add(Folders, other);
        _time.Advance(_look);
        announcement.Withdraw();
        Assert.Equal(other, ClusterFolder.Read(Folders).Single());
    }

    private static SiloOptionsFromEnvironment Options() => new()
    {
        Node = "a",
        Address = IPAddress.Loopback,
        IsCluster = true,
        IdleTime = null,
        DrainTime = TimeSpan.FromSeconds(1),
        GatewayPort = 1,
        SiloPort = 2,
        Build = "build",
        Store = "host/db",
    };
}
