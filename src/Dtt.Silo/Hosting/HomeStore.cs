using Dtt.Core.Errors;
using Dtt.Core.Platform;

namespace Dtt.Silo.Hosting;

/// <summary>
/// The nodes of a home are one platform: commands find any of them by its files. A silo with another database would be another platform in the same place.
/// </summary>
internal static class HomeStore
{
    /// <summary>Refuses a silo whose database is not that of the nodes which serve the home.</summary>
    /// <exception cref="UserErrorException">A node with another database lives; one of an older life of this Slurm job is about to end.</exception>
    public static async Task RequireOneAsync(PlatformFolders folders, SiloOptionsFromEnvironment options)
    {
        if (!options.IsCluster) return;
        foreach (var other in ClusterFolder.Read(folders).Where(s => s.MayLive && s.Store != options.Store))
        {
            if (!await other.AnswersAsync(CancellationToken.None)) continue;
            if (other.Job is not null && other.Job == SlurmJob.Id && other.Life < SlurmJob.Life)
            {
                throw new UserErrorException($"node '{other.Node}' still has a silo of life {other.Life} of this job, which ends once it knows of this one",
                    ExitCodes.Requeue);
            }

            throw new UserErrorException($"node '{other.Node}' serves {folders.Home} with PostgreSQL at {other.Store}, and this silo has {options.Store}: the "
                + "nodes of a home share one database. Correct DTT_POSTGRES, or give this platform a DTT_HOME of its own.", ExitCodes.BadConfiguration);
        }
    }
}
