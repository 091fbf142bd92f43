using Dtt.Abstractions;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Orleans.Services;

namespace Dtt.Grains.Agents;

/// <summary>The agent of one node: everything that touches the machine. Every verb may be called again without harm.</summary>
[Alias("dtt.agent")]
public interface INodeAgent : IGrainService
{
    /// <summary>Reserves devices for a run's attempt, for 30 s.</summary>
    [Alias("reserve")]
    Task<ReserveReply> ReserveAsync(string run, int attempt, DeviceRequest request);

    /// <summary>Gives a reservation back.</summary>
    [Alias("release")]
    Task ReleaseAsync(string run, int attempt);

    /// <summary>Starts the ranks of an attempt; what an attempt's number already started, or ended, is left alone.</summary>
    [Alias("launch")]
    Task LaunchAsync(LaunchRequest request);

    /// <summary>Asks the ranks of an attempt to save, commit and leave.</summary>
    [Alias("stop-rank")]
    Task StopRankAsync(string run, int attempt);

    /// <summary>Makes a run's folder with its configuration; false when something lies there.</summary>
    /// <exception cref="Core.Errors.UserErrorException">It cannot be made.</exception>
    [Alias("prepare-folder")]
    Task<bool> PrepareFolderAsync(string folder, string configYaml);

    /// <summary>Deletes checkpoints of a run by their folder names.</summary>
    [Alias("delete-checkpoints")]
    Task DeleteCheckpointsAsync(string folder, string[] checkpoints);

    /// <summary>Deletes a run's folder.</summary>
    [Alias("delete-folder")]
    Task DeleteFolderAsync(string folder);

    /// <summary>A stretch of the log of an attempt's rank.</summary>
    [Alias("read-log")]
    Task<LogChunk> ReadLogAsync(string folder, int attempt, int rank, long offset);

    /// <summary>Starts a rank that does a job; what it says goes to the job of that id.</summary>
    [Alias("start-job")]
    Task StartJobAsync(Guid job, RankMessage work, Dictionary<string, string> environment);

    /// <summary>Ends a job's rank.</summary>
    [Alias("stop-job")]
    Task StopJobAsync(Guid job);

    /// <summary>A dataset has work.</summary>
    [Alias("work-available")]
    Task WorkAvailableAsync(string dataset);

    /// <summary>Folders of standalone runs that are not adopted yet.</summary>
    [Alias("find-orphans")]
    Task<string[]> FindOrphansAsync(string runsFolder);

    /// <summary>Brings the metrics and events of such a run into the tables, and gives its state; null when there is none.</summary>
    [Alias("read-orphan")]
    Task<DurableRun?> ReadOrphanAsync(string folder);

    /// <summary>Marks such a run as adopted.</summary>
    [Alias("mark-adopted")]
    Task MarkAdoptedAsync(string folder);

    /// <summary>What the node's silo is doing.</summary>
    [Alias("status")]
    Task<SiloReport> StatusAsync();

    /// <summary>Ends the silo: when idle, or when forced, after its ranks saved. False: it is busy.</summary>
    [Alias("stop-silo")]
    Task<bool> StopSiloAsync(bool force);
}
