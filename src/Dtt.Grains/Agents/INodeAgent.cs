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

    /// <summary>Folders of runs that are not adopted yet: standalone ones, and those that were moved or copied there.</summary>
    [Alias("find-orphans")]
    Task<string[]> FindOrphansAsync(string runsFolder);

    /// <summary>
    /// The run in a folder, its metrics and events brought into the tables; null when there is none to adopt: nothing lies there, it is being trained, or, for
    /// one that is <paramref name="known"/>, no other platform or place has written its state since.
    /// </summary>
    /// <exception cref="Core.Errors.UserErrorException">Another platform trains it, and <paramref name="force"/> is not set.</exception>
    [Alias("read-orphan")]
    Task<Adoption?> ReadOrphanAsync(string folder, bool known, bool force);

    /// <summary>
    /// Keeps a copy of a run's state, events and tokenizer in its folder, in place of a standalone run's own state; a copy that another platform has written,
    /// and that has gone on further, is left alone.
    /// </summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    [Alias("keep-state")]
    Task KeepStateAsync(string folder, DurableRun run);

    /// <summary>Adds metrics of an attempt to those in the run's folder.</summary>
    /// <exception cref="IOException">They cannot be written.</exception>
    [Alias("keep-metrics")]
    Task KeepMetricsAsync(string folder, int attempt, List<StepMetrics> rows);

    /// <summary>Those of the folders that are not there.</summary>
    [Alias("find-gone")]
    Task<string[]> FindGoneAsync(string[] folders);

    /// <summary>Examines the node.</summary>
    [Alias("examine")]
    Task<NodeExam> ExamineAsync();

    /// <summary>What the node's silo is doing.</summary>
    [Alias("status")]
    Task<SiloReport> StatusAsync();

    /// <summary>Ends the silo: when idle, or when forced, after its ranks saved. False: it is busy.</summary>
    [Alias("stop-silo")]
    Task<bool> StopSiloAsync(bool force);
}
