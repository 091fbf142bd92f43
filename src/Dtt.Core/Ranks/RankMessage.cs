using System.Text.Json.Serialization;
using Dtt.Core.Runs;

namespace Dtt.Core.Ranks;

/// <summary>A message of the rank protocol; <c>docs/protocol.md</c> tells who sends which and when.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(TrainSpec), "train")]
[JsonDerivedType(typeof(SampleSpec), "sample")]
[JsonDerivedType(typeof(EvaluateSpec), "evaluate")]
[JsonDerivedType(typeof(WindowLossSpec), "window_loss")]
[JsonDerivedType(typeof(ExportSpec), "export")]
[JsonDerivedType(typeof(ImportSpec), "import")]
[JsonDerivedType(typeof(BenchSpec), "bench")]
[JsonDerivedType(typeof(StopRequest), "stop")]
[JsonDerivedType(typeof(CommitAnswer), "commit_answer")]
[JsonDerivedType(typeof(RankPeers), "peers")]
[JsonDerivedType(typeof(RankListening), "listening")]
[JsonDerivedType(typeof(RankPeerLost), "peer_lost")]
[JsonDerivedType(typeof(RankStarted), "started")]
[JsonDerivedType(typeof(MetricsReport), "metrics")]
[JsonDerivedType(typeof(CommitRequest), "commit")]
[JsonDerivedType(typeof(TrainingSample), "training_sample")]
[JsonDerivedType(typeof(SampledText), "sampled_text")]
[JsonDerivedType(typeof(EvaluateResult), "evaluated")]
[JsonDerivedType(typeof(WindowLosses), "window_losses")]
[JsonDerivedType(typeof(ExportResult), "exported")]
[JsonDerivedType(typeof(ImportResult), "imported")]
[JsonDerivedType(typeof(BenchResult), "measured")]
[JsonDerivedType(typeof(JobProgress), "progress")]
[JsonDerivedType(typeof(JobDone), "done")]
[JsonDerivedType(typeof(RankEvent), "event")]
[JsonDerivedType(typeof(RankFinished), "finished")]
[JsonDerivedType(typeof(RankFailed), "failed")]
public abstract record RankMessage;

/// <summary>Host → rank, first: train this run.</summary>
public sealed record TrainSpec : RankMessage
{
    /// <summary>The run's name.</summary>
    public required string Run { get; init; }

    /// <summary>The run's folder, absolute.</summary>
    public required string RunFolder { get; init; }

    /// <summary>The attempt, which is in the name of everything that the rank writes.</summary>
    public required int Attempt { get; init; }

    /// <summary>The resolved configuration, YAML.</summary>
    public required string ConfigYaml { get; init; }

    /// <summary>The token shards' folder, absolute.</summary>
    public required string TokensFolder { get; init; }

    /// <summary>Those of the further datasets of a mixture; null: there are none.</summary>
    public IReadOnlyList<string>? OtherTokensFolders { get; init; }

    /// <summary>The token shards' folder of each dataset.</summary>
    [JsonIgnore]
    public IReadOnlyList<string> TokensFolders => [TokensFolder, .. OtherTokensFolders ?? []];

    /// <summary>The tokenizer's folder, absolute.</summary>
    public required string TokenizerFolder { get; init; }

    /// <summary>The black box to write, absolute; null when the rank is its own host.</summary>
    public string? BlackBoxFile { get; init; }

    /// <summary>The file whose <c>flock</c> means the device, absolute; null: none is taken.</summary>
    public string? DeviceLock { get; init; }

    /// <summary>Windows per step, G, when an earlier attempt froze it; else 0.</summary>
    public required long GlobalBatchWindows { get; init; }

    /// <summary>The token data that an earlier attempt froze; null: any.</summary>
    public TokenIdentity? TokenData { get; init; }

    /// <summary>The mixture that an earlier attempt froze; null: none did, or there is one dataset.</summary>
    public MixturePlan? Mixture { get; init; }

    /// <summary>The checkpoint whose weights the run starts from when it has none of its own; null: fresh ones.</summary>
    public CheckpointPlace? InitFrom { get; init; }

    /// <summary>Which rank of the attempt this is; rank 0 speaks for all.</summary>
    public int Rank { get; init; }

    /// <summary>Ranks of the attempt.</summary>
    public int WorldSize { get; init; } = 1;

    /// <summary>What the ranks prove to each other that they know, hex; null when there is one.</summary>
    public string? Secret { get; init; }

    /// <summary>The address on which the rank listens for its peers.</summary>
    public string ListenAddress { get; init; } = "127.0.0.1";

    /// <summary>Committed checkpoints to start from, best choice first; empty for fresh weights.</summary>
    public required IReadOnlyList<CommittedCheckpoint> ResumeFrom { get; init; }

    /// <summary>What the run leaves out of the data order; null: nothing.</summary>
    public IReadOnlyList<LeftOutWindows>? LeftOut { get; init; }

    /// <summary>When the run was created: a later one of its name begins with attempt 1 again.</summary>
    public DateTimeOffset RunCreatedAt { get; init; }

    /// <summary>Seconds between failures of the run, as its attempts so far let expect.</summary>
    public double FailureSeconds { get; init; } = RunRules.UnknownFailureSeconds;

    /// <summary>Whether a sample is taken with each validation.</summary>
    public bool TakeSamples { get; init; } = true;

    /// <summary>What the ranks of a run's current attempt are to do.</summary>
    /// <param name="run">The run, an attempt of which has begun.</param>
    /// <param name="folder">The run's folder, absolute.</param>
    /// <param name="placement">The part of the attempt; <see cref="Rank"/> is the first of its ranks.</param>
    public static TrainSpec Of(DurableRun run, string folder, Placement placement) => new()
    {
        RunCreatedAt = run.Record!.CreatedAt,
        FailureSeconds = RunRules.FailureSeconds(run.Record!),
        Rank = placement.FirstRank,
        WorldSize = run.Placements.Sum(p => p.Devices.Count),
        Run = run.Record!.Run,
        RunFolder = folder,
        Attempt = run.Record.CurrentAttempt,
        ConfigYaml = run.Request!.ConfigYaml,
        TokensFolder = run.Request.TokensFolder,
        OtherTokensFolders = run.Request.OtherTokensFolders,
        TokenizerFolder = run.Request.TokenizerFolder,
        GlobalBatchWindows = run.Record.GlobalBatchWindows,
        TokenData = run.Record.TokenData,
        LeftOut = run.Record.LeftOut,
        Mixture = run.Record.Mixture,
        ResumeFrom = [.. run.Record.Checkpoints.Reverse()],
        InitFrom = run.Request.InitFrom,
    };
}

/// <summary>Host → rank: finish the step, save, commit and leave.</summary>
public sealed record StopRequest : RankMessage;

/// <summary>Host → rank: the answer to a <see cref="CommitRequest"/>.</summary>
/// <param name="Step">The step asked about.</param>
/// <param name="Reply">The answer.</param>
public sealed record CommitAnswer(long Step, CommitReply Reply) : RankMessage;

/// <summary>Rank → host: it listens for its peers.</summary>
/// <param name="Endpoint">Where: address and port.</param>
public sealed record RankListening(string Endpoint) : RankMessage;

/// <summary>Host → rank: where all ranks of the attempt listen.</summary>
/// <param name="Endpoints">Address and port of each, by rank.</param>
public sealed record RankPeers(IReadOnlyList<string> Endpoints) : RankMessage;

/// <summary>Rank → host, last: another rank disappeared. The attempt is over, and why is to be found at the other rank.</summary>
/// <param name="Message">Which one, and what this rank saw of it.</param>
public sealed record RankPeerLost(string Message) : RankMessage;

/// <summary>Rank → host: loaded and about to train.</summary>
public sealed record RankStarted : RankMessage
{
    /// <summary>The step whose state was loaded; 0: fresh weights.</summary>
    public required long FromStep { get; init; }

    /// <summary>What the weights are when <see cref="FromStep"/> is 0, for display.</summary>
    public string InitialWeights { get; init; } = "fresh weights";

    /// <summary>The run's arithmetic.</summary>
    public required RunPlan Plan { get; init; }

    /// <summary>The token data; null for an import, which has none.</summary>
    public TokenIdentity? TokenData { get; init; }

    /// <summary>The mixture; null: of one dataset.</summary>
    public MixturePlan? Mixture { get; init; }

    /// <summary>The numerics fingerprint.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>Weights of the model, tied ones once.</summary>
    public required long Parameters { get; init; }

    /// <summary>The device and its arithmetic, for display: <c>cpu, 2 threads, bf16</c>.</summary>
    public required string Device { get; init; }
}

/// <summary>Rank → host: the metrics of finished steps.</summary>
/// <param name="Rows">One row a step.</param>
public sealed record MetricsReport(IReadOnlyList<StepMetrics> Rows) : RankMessage;

/// <summary>Rank → host: a checkpoint is on disk, whole and synced; commit it.</summary>
/// <param name="Checkpoint">What was written.</param>
public sealed record CommitRequest(WrittenCheckpoint Checkpoint) : RankMessage;

/// <summary>Rank → host: a sample taken during training.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Tokens">Training tokens seen.</param>
/// <param name="Text">Prompt and continuation.</param>
public sealed record TrainingSample(long Step, long Tokens, string Text) : RankMessage;

/// <summary>Rank → host: something worth remembering with the run.</summary>
/// <param name="Kind">One word.</param>
/// <param name="Message">One sentence.</param>
public sealed record RankEvent(string Kind, string Message) : RankMessage;

/// <summary>
/// Rank → host, last: the work is done, or stopped on request with everything committed, or ended for a spike of the loss, from before which it is to go on.
/// </summary>
/// <param name="Step">Steps done.</param>
/// <param name="Completed">Whether the run is complete.</param>
public sealed record RankFinished(long Step, bool Completed) : RankMessage
{
    /// <summary>The spike; null: there was none.</summary>
    public LossSpike? Spike { get; init; }
}

/// <summary>Rank → host, last: the work cannot continue.</summary>
/// <param name="Message">What, where, and what to do; for a bug, with its stack.</param>
/// <param name="ExitCode">One of <see cref="Errors.ExitCodes"/>.</param>
public sealed record RankFailed(string Message, int ExitCode) : RankMessage;
