using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Core.Platform;

/// <summary>
/// <c>cluster/NODE.json</c> in the home that the nodes of a cluster share: how clients find it. A silo writes its file when it accepts clients and removes it
/// when it ends; one that is killed leaves it behind, so only a connection proves that a node lives.
/// </summary>
public static class ClusterFolder
{
    /// <summary>Whether a cluster was announced here, and not every node of it has left.</summary>
    public static bool HasNodes(PlatformFolders folders) => Files(folders).Length > 0;

    /// <summary>Has this process, a client, use the cluster that was named: <c>--cluster FOLDER</c>.</summary>
    /// <param name="home">The <c>DTT_HOME</c> of its nodes.</param>
    /// <exception cref="UserErrorException">No cluster is announced there.</exception>
    public static void Use(string home)
    {
        if (string.IsNullOrWhiteSpace(home))
            throw new UserErrorException("--cluster names no folder; it takes the DTT_HOME of the nodes.", ExitCodes.BadConfiguration);
        var full = Path.GetFullPath(home);
        if (!Directory.Exists(full) || !HasNodes(PlatformFolders.Make(full, null, () => "")))
        {
            throw new UserErrorException($"--cluster {home}: no cluster is announced in {Path.Combine(full, "cluster")}. Name the DTT_HOME of its nodes, "
                + "and start them first (`dtt silo run` on each).", ExitCodes.BadConfiguration);
        }

        Environment.SetEnvironmentVariable("DTT_HOME", full);
    }

    /// <summary>The nodes that may live, by name.</summary>
    public static IReadOnlyList<SiloAnnouncement> Read(PlatformFolders folders) =>
        [.. Files(folders).Select(SiloAnnouncement.Read).OfType<SiloAnnouncement>().OrderBy(s => s.Node, StringComparer.Ordinal)];

    /// <summary>Announces a node.</summary>
    public static void Add(PlatformFolders folders, SiloAnnouncement silo)
    {
        Directory.CreateDirectory(folders.ClusterFolder);
        DurableFile.Sweep(folders.ClusterFolder);
        silo.Save(FileOf(folders, silo.Node));
    }

    /// <summary>Whether a node is announced, in this life or another.</summary>
    public static bool Knows(PlatformFolders folders, SiloAnnouncement silo) => File.Exists(FileOf(folders, silo.Node));

    /// <summary>Takes an announcement back, unless another life of the node has written its own since.</summary>
    public static void Remove(PlatformFolders folders, SiloAnnouncement silo)
    {
        if (SiloAnnouncement.Read(FileOf(folders, silo.Node)) == silo) File.Delete(FileOf(folders, silo.Node));
    }

    /// <summary>Removes the files of nodes that are no more, and those that are no announcement; the names of the files.</summary>
    public static IReadOnlyList<string> Forget(PlatformFolders folders, Func<SiloAnnouncement, bool> isGone)
    {
        var gone = Files(folders).Where(f => SiloAnnouncement.Read(f) is not { } silo || isGone(silo)).ToArray();
        foreach (var file in gone) File.Delete(file);
        return gone;
    }

    /// <summary>Whether an announcement stands.</summary>
    public static bool Has(PlatformFolders folders, SiloAnnouncement silo) => silo.MayLive && SiloAnnouncement.Read(FileOf(folders, silo.Node)) == silo;

    private static string FileOf(PlatformFolders folders, string node) => Path.Combine(folders.ClusterFolder, node + ".json");

    private static string[] Files(PlatformFolders folders) =>
        Directory.Exists(folders.ClusterFolder) ? Directory.GetFiles(folders.ClusterFolder, "*.json") : [];
}
