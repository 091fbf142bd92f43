using System.Net.Sockets;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Core.Storage;
using Dtt.Silo.Hosting;
using Dtt.Silo.Ranks;
using Dtt.Silo.Storage;

namespace Dtt.Silo.Doctor;

/// <summary>Whether the database, the other nodes and this node's silo are well.</summary>
internal static class ServiceChecks
{
    private static readonly TimeSpan _connectTimeout = TimeSpan.FromSeconds(3);

    /// <summary>The server, its version, the login and the schema; what is written to find that out is taken back.</summary>
    public static async Task<string?> StoreAsync()
    {
        if (PostgresAddress.FromEnvironment() is not { } address)
            return Directory.Exists(PlatformFolders.FromEnvironment().JobsDatabase) ? "that of the Slurm jobs of this home" : "SQLite, in the state folder";
        await using var source = new PostgresSource(address);
        return $"PostgreSQL {await PostgresSchema.TryAsync(source)} at {address.Name}";
    }

    /// <summary>The node's name, its address, that this resolves and is of this machine, and that the ports are free.</summary>
    public static string? Settings(ExaminedNode node)
    {
        if (node.Serves || Living() is not null) return null;
        var options = SiloOptionsFromEnvironment.Read();
        return $"node {options.Node} at {options.Address}{(options.IsCluster ? "" : ", this machine alone")}";
    }

    /// <summary>That each other silo of the platform takes a connection from here.</summary>
    public static async Task<string?> PeersAsync(ExaminedNode node)
    {
        if (node.Peers.Count == 0) return null;
        var faults = await Task.WhenAll(node.Peers.Select(async peer =>
        {
            using var timeout = new CancellationTokenSource(_connectTimeout);
            try
            {
                using var probe = new TcpClient(peer.Value.AddressFamily);
                await probe.ConnectAsync(peer.Value, timeout.Token);
                return null;
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                return $"{peer.Key} ({peer.Value}) cannot be reached from here: {(e is SocketException ? e.Message : "no answer")}";
            }
        }));
        return faults.OfType<string>().ToArray() is not { Length: > 0 } wrong ? $"{node.Peers.Count} other{(node.Peers.Count == 1 ? " is" : "s are")} reached"
            : throw new UserErrorException($"{string.Join("; ", wrong)}. Let a firewall pass the ports of DTT (DTT_SILO_PORT), and see that DTT_ADDRESS names "
                + "the network that the nodes share.");
    }

    /// <summary>A lock that nobody who is announced holds: a silo that starts or ends, or hangs while it does.</summary>
    public static string? Silo(ExaminedNode node)
    {
        if (node.Serves || FolderChecks.Usable() is not { } folders) return null;
        if (Living() is { } living) return $"process {living.Process} serves {folders.State}";
        if (FileLock.IsHeld(folders.LockFile))
        {
            throw new UserErrorException($"a silo holds {folders.LockFile} and serves nobody: it starts or ends. Look again in a minute; if it stays so, "
                + $"`fuser {folders.LockFile}` names the process to kill, and {folders.LogFile} tells more.");
        }

        return SiloAnnouncement.Read(folders.AnnouncementFile) is { } dead
            ? $"none runs; process {dead.Process} was killed, and the next command starts another" : "none runs; the next command that needs one starts it";
    }

    public static string Ranks()
    {
        var orphans = OwnerSweep.Find();
        return orphans.Count == 0 ? "none without its silo" : throw new UserErrorException(
            $"{orphans.Count} ranks live on without their silo: process {string.Join(", ", orphans)}. The next silo kills them, or do it now with `kill -9`.");
    }

    private static SiloAnnouncement? Living() =>
        FolderChecks.Usable() is { } folders ? SiloAnnouncement.FindLiving(folders.AnnouncementFile) : null;
}
