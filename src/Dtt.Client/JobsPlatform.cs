using System.Globalization;
using System.Text.RegularExpressions;
using Dtt.Core.Platform;

namespace Dtt.Client;

/// <summary>A home whose runs are in a database that Slurm jobs bring up in turns: no command may start a silo beside it.</summary>
public static partial class JobsPlatform
{
    /// <summary>Whether it is one, and no node of a job is announced now.</summary>
    public static bool IsAway(PlatformFolders folders) => Directory.Exists(folders.JobsDatabase) && !ClusterFolder.HasNodes(folders);

    /// <summary>What is the matter, and what to do: one job may be on its way.</summary>
    public static string Describe(PlatformFolders folders)
    {
        var runs = $"the runs of {folders.Home} are in the database of Slurm jobs ({folders.JobsDatabase}), and no job serves it now";
        return FindJob(folders.JobsOwner) is { } job
            ? $"{runs}. Job {job} is to: it comes up, ends, or waits for its next life; see `squeue -j {job}` and its log. If it is gone, submit another "
                + "(`sbatch sbatch/silo.sh`)"
            : $"{runs}. Submit one (`sbatch sbatch/silo.sh`)";
    }

    private static long? FindJob(string owner)
    {
        try
        {
            return JobOfOwner().Match(File.ReadAllText(owner)) is { Success: true } match ? long.Parse(match.ValueSpan, CultureInfo.InvariantCulture) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    [GeneratedRegex(@"(?<=^job )\d{1,18}")]
    private static partial Regex JobOfOwner();
}
