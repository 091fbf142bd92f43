using Dtt.Abstractions.Ranks;
using Dtt.Abstractions.Runs;
using Orleans.Concurrency;

namespace Dtt.Abstractions.Platform;

/// <summary>The durable owner of one run; the key is the run's folder, absolute. <c>docs/protocol.md</c> tells the rules.</summary>
[Alias("dtt.run")]
public interface IRunGrain : IGrainWithStringKey
{
    /// <summary>Creates the run and queues it.</summary>
    /// <exception cref="Errors.UserErrorException">The folder cannot be made.</exception>
    [Alias("create")]
    Task<NewRunReply> CreateAsync(NewRun run);

    /// <summary>Takes over a run that was trained outside of the platform, from what lies in its folder; false when there is none or the platform knows it.</summary>
    [Alias("adopt")]
    Task<bool> AdoptAsync();

    /// <summary>The run, or null when there is none.</summary>
    [Alias("find")]
    Task<RunView?> FindAsync();

    /// <summary>Queues a run that is not active again, with the environment of whoever asks.</summary>
    /// <exception cref="Errors.UserErrorException">There is no such run, or it is complete.</exception>
    [Alias("resume")]
    Task ResumeAsync(IReadOnlyDictionary<string, string> environment, int? ranks = null);

    /// <summary>Asks for a checkpoint and a stop; a waiting run stops at once.</summary>
    [Alias("stop")]
    Task StopAsync();

    /// <summary>Pins or unpins a committed checkpoint.</summary>
    /// <exception cref="Errors.UserErrorException">There is no such checkpoint.</exception>
    [Alias("pin")]
    Task PinAsync(long step, bool pinned);

    /// <summary>Deletes a run that is not active, with everything in its folder.</summary>
    /// <exception cref="Errors.UserErrorException">It is active or being read.</exception>
    [Alias("delete")]
    Task DeleteAsync();

    /// <summary>What happened to it, oldest first.</summary>
    [Alias("events")]
    Task<RunEvent[]> EventsAsync();

    /// <summary>The run's curve, a few thousand rows at a time.</summary>
    [Alias("curve")]
    IAsyncEnumerable<StepMetrics[]> CurveAsync(CancellationToken cancellation = default);

    /// <summary>The rows of one attempt as they were stored, a few thousand at a time.</summary>
    [Alias("attempt-rows")]
    IAsyncEnumerable<StepMetrics[]> AttemptRowsAsync(int attempt, CancellationToken cancellation = default);

    /// <summary>The curve of one metric, thinned to at most <paramref name="points"/> steps.</summary>
    [Alias("series")]
    Task<(long Step, double Value)[]> SeriesAsync(string name, int points);

    /// <summary>News from now on, after the newest <paramref name="backlog"/> that are still remembered.</summary>
    [Alias("watch")]
    IAsyncEnumerable<RunNews> WatchAsync(int backlog, CancellationToken cancellation = default);

    /// <summary>A stretch of the log of an attempt's rank.</summary>
    [Alias("log")]
    Task<LogChunk> ReadLogAsync(int attempt, int rank, long offset);

    /// <summary>Leases a committed checkpoint to a reader, so that it is not deleted, and tells where it is.</summary>
    /// <exception cref="Errors.UserErrorException">There is no such checkpoint.</exception>
    [Alias("lease-checkpoint")]
    Task<SampleSpec> LeaseAsync(SampleOrder order, Guid lease);

    /// <summary>Leases a committed checkpoint to a reader of its files.</summary>
    /// <exception cref="Errors.BadDataException">There is no such checkpoint.</exception>
    [Alias("lease-files")]
    Task<CheckpointPlace> LeaseFilesAsync(long step, Guid lease);

    /// <summary>Gives a lease back.</summary>
    [Alias("return-checkpoint")]
    Task ReturnAsync(Guid lease);

    /// <summary>Queue → run: devices are reserved for this attempt, one a rank; false: the run does not want it any more.</summary>
    [Alias("granted")]
    Task<bool> GrantedAsync(NodeRef node, string[] devices, int attempt);

    /// <summary>Queue → run: why it waits; null when it does not.</summary>
    [Alias("waiting")]
    [OneWay]
    Task WaitingAsync(string? reason);

    /// <summary>Agent → run: what an attempt's rank said; delivered again under the same number until it is answered.</summary>
    [Alias("report")]
    Task<Standing> ReportAsync(int attempt, long number, RankMessage[] messages);

    /// <summary>Agent → run: commit a checkpoint; everything said before was reported.</summary>
    [Alias("commit")]
    Task<CommitReply> CommitAsync(CommittedCheckpoint checkpoint);

    /// <summary>Agent → run: a rank is gone and will not come back.</summary>
    [Alias("ended")]
    Task EndedAsync(AttemptEnd end);

    /// <summary>Agent → run: the attempt's rank is alive in this silo.</summary>
    [Alias("renew")]
    Task<Standing> RenewAsync(int attempt, NodeRef node);

    /// <summary>Agent → run, after its silo started and swept what dead ones left: whatever was in a dead silo's care here is gone.</summary>
    [Alias("agent-started")]
    Task AgentStartedAsync(NodeRef node);
}
