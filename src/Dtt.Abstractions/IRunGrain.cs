using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Orleans.Concurrency;

namespace Dtt.Abstractions;

/// <summary>The durable owner of one run; the key is the run's folder, absolute. <c>docs/protocol.md</c> tells the rules.</summary>
[Alias("dtt.run")]
public interface IRunGrain : IGrainWithStringKey
{
    /// <summary>Creates the run and queues it.</summary>
    /// <exception cref="Core.Errors.UserErrorException">The folder cannot be made.</exception>
    [Alias("create")]
    Task<NewRunReply> CreateAsync(RunRequest run);

    /// <summary>Adopts the run that lies in the folder, unless there is none or the platform has it already.</summary>
    /// <param name="force">Also one that another platform trains, as far as its folder knows.</param>
    /// <exception cref="Core.Errors.UserErrorException">Another platform trains it, or its state is damaged.</exception>
    [Alias("adopt")]
    Task<AdoptReply> AdoptAsync(bool force = false);

    /// <summary>The run, or null when there is none.</summary>
    [Alias("find")]
    Task<RunView?> FindAsync();

    /// <summary>Queues a run that is not active again, with the environment of whoever asks.</summary>
    /// <exception cref="Core.Errors.UserErrorException">There is no such run, or it is complete.</exception>
    [Alias("resume")]
    Task ResumeAsync(IReadOnlyDictionary<string, string> environment, int? ranks = null, IReadOnlyDictionary<string, long>? length = null);

    /// <summary>Asks for a checkpoint and a stop; a waiting run stops at once.</summary>
    [Alias("stop")]
    Task StopAsync();

    /// <summary>Leaves out the windows of steps: the run goes back to before them, or comes to them without.</summary>
    /// <returns>What that means, one sentence.</returns>
    /// <exception cref="Core.Errors.UserErrorException">It makes no sense for the run, or would lose a checkpoint that is to stay.</exception>
    [Alias("skip")]
    Task<string> SkipAsync(long firstStep, long lastStep);

    /// <summary>Pins or unpins a committed checkpoint.</summary>
    /// <exception cref="Core.Errors.UserErrorException">There is no such checkpoint.</exception>
    [Alias("pin")]
    Task PinAsync(long step, bool pinned);

    /// <summary>Deletes a run that is not active, with everything in its folder.</summary>
    /// <exception cref="Core.Errors.UserErrorException">It is active or being read.</exception>
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

    /// <summary>Where its time went; null when there is no run.</summary>
    [Alias("goodput")]
    Task<Goodput?> GoodputAsync();

    /// <summary>News from now on, after the newest <paramref name="backlog"/> that are still remembered.</summary>
    [Alias("watch")]
    IAsyncEnumerable<RunNews> WatchAsync(int backlog, CancellationToken cancellation = default);

    /// <summary>A stretch of the log of an attempt's rank.</summary>
    [Alias("log")]
    Task<LogChunk> ReadLogAsync(int attempt, int rank, long offset);

    /// <summary>Leases a committed checkpoint to a reader, so that it is not deleted, and tells where it is and what belongs to it.</summary>
    /// <exception cref="Core.Errors.BadDataException">There is no such checkpoint.</exception>
    [Alias("lease-checkpoint")]
    Task<CheckpointSource> LeaseAsync(long step, Guid lease);

    /// <summary>Gives a lease back.</summary>
    [Alias("return-checkpoint")]
    Task ReturnAsync(Guid lease);

    /// <summary>Queue → run: devices are reserved for this attempt, one a rank; false: the run does not want it any more.</summary>
    [Alias("granted")]
    Task<bool> GrantedAsync(Placement[] placements, int attempt);

    /// <summary>Queue → run: why it waits; null when it does not.</summary>
    [Alias("waiting")]
    [OneWay]
    Task WaitingAsync(string? reason);

    /// <summary>Agent → run: what an attempt's rank said; delivered again under the same number until it is answered.</summary>
    [Alias("report")]
    Task<Standing> ReportAsync(int attempt, long number, RankMessage[] messages);

    /// <summary>Agent → run: commit a checkpoint; everything said before was reported.</summary>
    [Alias("commit")]
    Task<CommitReply> CommitAsync(WrittenCheckpoint checkpoint);

    /// <summary>Agent → run: where the ranks of a part of an attempt listen; told again until all parts have said so.</summary>
    /// <returns>Where every rank of the attempt listens, by rank; empty: not all are there yet.</returns>
    [Alias("meet")]
    Task<string[]> MeetAsync(int attempt, int firstRank, string[] endpoints);

    /// <summary>Agent → run: the ranks of an attempt on a node are gone and will not come back.</summary>
    [Alias("ended")]
    Task EndedAsync(NodeRef node, AttemptEnd end);

    /// <summary>Agent → run: the attempt's ranks are alive in this silo.</summary>
    /// <param name="attempt">The attempt.</param>
    /// <param name="node">The silo.</param>
    /// <param name="stalled">What its ranks look like when all of them wait for ranks elsewhere, for too long; else null.</param>
    [Alias("renew")]
    Task<Standing> RenewAsync(int attempt, NodeRef node, StalledPart? stalled);

    /// <summary>Agent → run, after its silo started and swept what dead ones left: whatever ranks a dead silo had here are gone.</summary>
    [Alias("agent-started")]
    Task AgentStartedAsync(NodeRef node);

    /// <summary>A silo may have died, or come: the run looks whether that is its concern.</summary>
    [Alias("check")]
    Task CheckAsync();
}

/// <summary>The answer to the creation of a run.</summary>
/// <param name="Created">Whether it was created, by this request or an earlier one of the same id; false: the name is taken.</param>
public sealed record NewRunReply(bool Created);

/// <summary>Everything about a run that clients show.</summary>
public sealed record RunView
{
    /// <summary>The run in one line.</summary>
    public required RunRow Row { get; init; }

    /// <summary>Its durable state.</summary>
    public required RunRecord Record { get; init; }

    /// <summary>What is trained: its configuration, and where its tokens lie.</summary>
    public required RunRequest Request { get; init; }

    /// <summary>Where its current attempt lives, by rank; silos of older builds do not say.</summary>
    public IReadOnlyList<Placement> Placements { get => field ?? []; init; }

    /// <summary>Whether it was asked to stop and has not yet.</summary>
    public required bool StopRequested { get; init; }

    /// <summary>Why it waits, or null.</summary>
    public string? Waiting { get; init; }

    /// <summary>How a failed run's rank wants commands to end: one of <see cref="Core.Errors.ExitCodes"/>.</summary>
    public required int FailureCode { get; init; }
}

/// <summary>Whether a run was adopted.</summary>
/// <param name="Adopted">False: there was none in the folder, or the platform has it already.</param>
/// <param name="Notes">What is to be said about it.</param>
public sealed record AdoptReply(bool Adopted, IReadOnlyList<string> Notes);

/// <summary>A run in one line, as lists show it: a row of the index table.</summary>
public sealed record RunRow
{
    /// <summary>The run's folder: its key on the platform.</summary>
    public required string Folder { get; init; }

    /// <summary>The run's name: the last part of the folder.</summary>
    public required string Run { get; init; }

    /// <summary>What it is doing.</summary>
    public required RunState State { get; init; }

    /// <summary>Steps done.</summary>
    public required long Step { get; init; }

    /// <summary>Steps of the whole run; 0 while unknown.</summary>
    public required long TotalSteps { get; init; }

    /// <summary>Last training loss, nats per token.</summary>
    public double? TrainLoss { get; init; }

    /// <summary>Last validation loss, nats per token.</summary>
    public double? ValLoss { get; init; }

    /// <summary>Training tokens seen.</summary>
    public required long Tokens { get; init; }

    /// <summary>Mean tokens per second of the last steps.</summary>
    public double? TokensPerSecond { get; init; }

    /// <summary>Attempts so far.</summary>
    public required int Attempts { get; init; }

    /// <summary>When the run was created.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Version of the run's record that this row shows: an older one never replaces it.</summary>
    public required long Version { get; init; }
}

/// <summary>One thing that viewers of a run hear: a rank's message, an event, or a change of state.</summary>
/// <param name="Number">Counts up within one activation of the run.</param>
/// <param name="State">The run's state when it happened.</param>
/// <param name="Message">What the rank said, or null.</param>
/// <param name="Event">What was noted with the run, or null.</param>
public sealed record RunNews(long Number, RunState State, RankMessage? Message = null, RunEvent? Event = null);

/// <summary>Run → agent: how an attempt stands.</summary>
/// <param name="Current">Whether the attempt is current; if not, its rank must be killed.</param>
/// <param name="StopRequested">Whether it is to stop after its step.</param>
/// <param name="Hung">What was found when every rank of every node waits for the others: they are to be killed for it; else null.</param>
public sealed record Standing(bool Current, bool StopRequested, CauseCard? Hung = null);

/// <summary>The ranks of a part of an attempt that all wait for others, for longer than they may.</summary>
/// <param name="Rank">The one of them with the fewest completed collective operations.</param>
/// <param name="Completed">Collective operations that it completed.</param>
/// <param name="Card">What it was doing.</param>
public sealed record StalledPart(int Rank, long Completed, CauseCard Card);

/// <summary>A stretch of a run's log.</summary>
/// <param name="Text">The text.</param>
/// <param name="Next">Where the next stretch starts, in bytes.</param>
/// <param name="Exists">Whether there is such a log.</param>
public sealed record LogChunk(string Text, long Next, bool Exists);
