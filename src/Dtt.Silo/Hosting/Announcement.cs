using Dtt.Core.Platform;

namespace Dtt.Silo.Hosting;

/// <summary>
/// The announcement of this silo, published while it accepts clients. The silo withdraws it before it looks a last time whether it has clients, and before
/// its gateway closes; a client looks whether it is still there after it has joined. So whoever joins a silo that is about to end is either seen by it, or sees
/// that it must go to the next one.
/// </summary>
internal sealed class Announcement(PlatformFolders folders, SiloOptionsFromEnvironment options)
{
    /// <summary>From here on the silo accepts clients.</summary>
    public void Publish() =>
        SiloAnnouncement.OfThisProcess(options.GatewayPort, options.SiloPort, options.Build, options.Store).Save(folders.AnnouncementFile);

    /// <summary>Those who join from here on find out that this silo ends.</summary>
    public void Withdraw() => File.Delete(folders.AnnouncementFile);
}
