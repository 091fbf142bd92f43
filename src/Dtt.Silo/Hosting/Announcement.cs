using Dtt.Core.Platform;

namespace Dtt.Silo.Hosting;

/// <summary>
/// The announcement of this silo, published while it accepts clients: to this machine, and of a cluster to all that share its home. The silo withdraws it
/// before it looks a last time whether it has clients, and before its gateway closes; a client looks whether it is still there after it has joined. So whoever
/// joins a silo that is about to end is either seen by it, or sees that it must go to the next one. A file that somebody removed meanwhile is written again.
/// </summary>
internal sealed class Announcement(PlatformFolders folders, SiloOptionsFromEnvironment options, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan _look = TimeSpan.FromSeconds(2);
    private readonly Lock _gate = new();
    private readonly SiloAnnouncement _silo = SiloAnnouncement.OfThisProcess(
        options.Node, options.Address, options.GatewayPort, options.SiloPort, options.Build, options.Store);

    private ITimer? _watch; // while it is published

    /// <summary>From here on the silo accepts clients.</summary>
    public void Publish()
    {
        lock (_gate)
        {
            _silo.Save(folders.AnnouncementFile);
            if (options.IsCluster) ClusterFolder.Add(folders, _silo);
            _watch ??= time.CreateTimer(_ => Restore(), null, _look, _look);
        }
    }

    /// <summary>Those who join from here on find out that this silo ends.</summary>
    public void Withdraw()
    {
        lock (_gate)
        {
            Dispose();
            _watch = null;
            File.Delete(folders.AnnouncementFile);
            if (options.IsCluster) ClusterFolder.Remove(folders, _silo);
        }
    }

    /// <summary>Looks no more after its files.</summary>
    public void Dispose() => _watch?.Dispose();

    /// <summary><c>dtt silo forget</c> of a machine that cannot reach this one for a moment takes it for gone.</summary>
    private void Restore()
    {
        if (!_gate.TryEnter()) return;
        try
        {
            if (_watch is null) return;
            if (!File.Exists(folders.AnnouncementFile)) _silo.Save(folders.AnnouncementFile);
            if (options.IsCluster && !ClusterFolder.Knows(folders, _silo)) ClusterFolder.Add(folders, _silo);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The folder is away; the next look may find it.
        }
        finally
        {
            _gate.Exit();
        }
    }
}
