using Dtt.Core.Errors;
using Dtt.Core.Platform;

namespace Dtt.Silo.Hosting;

/// <summary>
/// The nodes of a home are one platform: commands find any of them by its files. A silo with another database would be another platform in the same place.
/// </summary>
internal static class HomeStore
{
    /// <summary>Refuses a silo whose database is not that of the nodes which serve the home.</summary>
    /// <exception cref="UserErrorException">A node with another database lives.</exception>
    public static async Task RequireOneAsync(PlatformFolders folders, SiloOptionsFromEnvironment options)
    {
        if (!options.IsCluster) return;
        foreach (var other in ClusterFolder.Read(folders).Where(s => s.MayLive && s.Store != options.Store))
        {
            if (!await other.AnswersAsync(CancellationToken.None)) continue;
            throw new UserErrorException($"node '{other.Node}' serves {folders.Home} with PostgreSQL at {other.Store}, and this silo has {options.Store}: the "
                + "nodes of a home share one database. Correct DTT_POSTGRES, or give this platform a DTT_HOME of its own.", ExitCodes.BadConfiguration);
        }
    }
}
