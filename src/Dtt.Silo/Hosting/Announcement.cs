using Dtt.Core.Platform;

namespace Dtt.Silo.Hosting;

/// <summary>
/// The announcement of this silo, published while it accepts clients: to this machine, and of a cluster to all that share its home. The silo withdraws it
/// before it looks a last time whether it has clients, and before its gateway closes; a client looks whether it is still there after it has joined. So whoever
/// joins a silo that is about to end is either seen by it, or sees that it must go to the next one.
/// </summary>
internal sealed class Announcement(PlatformFolders folders, SiloOptionsFromEnvironment options)
{
    private readonly SiloAnnouncement _silo = SiloAnnouncement.OfThisProcess(
        options.Node, options.Address, options.GatewayPort, options.SiloPort, options.Build, options.Store);

    /// <summary>From here on the silo accepts clients.</summary>
    public void Publish()
    {
        _silo.Save(folders.AnnouncementFile);
        if (options.IsCluster) ClusterFolder.Add(folders, _silo);
    }

    /// <summary>Those who join from here on find out that this silo ends.</summary>
    public void Withdraw()
    {
        File.Delete(folders.AnnouncementFile);
        if (options.IsCluster) ClusterFolder.Remove(folders, _silo);
    }
}
