using System.Text.Json.Serialization;
using Dtt.Core.Runs;

namespace Dtt.Core.Ranks;

/// <summary>Host → rank, first: work on a committed checkpoint.</summary>
public abstract record CheckpointSpec : RankMessage
{
    /// <summary>The checkpoint: leased by the job for as long as it takes. Null until it is.</summary>
    public CheckpointSource? Source { get; init; }
}

/// <summary>A committed checkpoint and what belongs to it.</summary>
/// <param name="Folder">Its folder, absolute.</param>
/// <param name="ManifestSha256">SHA-256 of its manifest, hex.</param>
/// <param name="ConfigYaml">The run's configuration, YAML.</param>
/// <param name="TokensFolder">The run's token shards, absolute.</param>
/// <param name="TokenizerFolder">Their tokenizer, absolute.</param>
public sealed record CheckpointSource(string Folder, string ManifestSha256, string ConfigYaml, string TokensFolder, string TokenizerFolder)
{
    /// <summary>A checkpoint of the run that was asked for.</summary>
    public static CheckpointSource Of(RunRequest run, string folder, string manifestSha256) =>
        new(folder, manifestSha256, run.ConfigYaml, run.TokensFolder, run.TokenizerFolder) { OtherTokensFolders = run.OtherTokensFolders };

    /// <summary>The token shards of the further datasets of a mixture; null: there are none.</summary>
    public IReadOnlyList<string>? OtherTokensFolders { get; init; }

    /// <summary>The token shards of each dataset.</summary>
    [JsonIgnore]
    public IReadOnlyList<string> TokensFolders => [TokensFolder, .. OtherTokensFolders ?? []];
}

/// <summary>Host → rank, first: continue a prompt.</summary>
public sealed record SampleSpec : CheckpointSpec
{
    /// <summary>The text to continue and how tokens are chosen.</summary>
    public required SampleSettings Settings { get; init; }
}

/// <summary>Host → rank, first: measure a checkpoint.</summary>
public sealed record EvaluateSpec : CheckpointSpec
{
    /// <summary>Multiple-choice questions in HellaSwag's form, absolute; null: those of the run's configuration, if it has any.</summary>
    public string? Choices { get; init; }

    /// <summary>Most questions.</summary>
    public long MaxChoices { get; init; } = long.MaxValue;
}

/// <summary>Rank → host: what was measured.</summary>
/// <param name="Values">Name → value; the names are in <see cref="Runs.MetricNames"/>.</param>
public sealed record EvaluateResult(IReadOnlyDictionary<string, double> Values) : RankMessage;

/// <summary>Host → rank, first: the loss of each training window of steps, as a checkpoint sees it.</summary>
public sealed record WindowLossSpec : CheckpointSpec
{
    /// <summary>The first step, counted from 1.</summary>
    public required long FirstStep { get; init; }

    /// <summary>The last step.</summary>
    public required long LastStep { get; init; }

    /// <summary>Windows per step, G.</summary>
    public required long GlobalBatchWindows { get; init; }

    /// <summary>What the run leaves out of the data order; null: nothing.</summary>
    public IReadOnlyList<LeftOutWindows>? LeftOut { get; init; }
}

/// <summary>Rank → host: losses of windows of one step.</summary>
/// <param name="Step">The step.</param>
/// <param name="First">The first window's place in the step, from 0.</param>
/// <param name="Losses">The mean loss of each window, nats per token.</param>
public sealed record WindowLosses(long Step, long First, IReadOnlyList<double> Losses) : RankMessage;

/// <summary>Host → rank, first: write a checkpoint as a Hugging Face folder.</summary>
public sealed record ExportSpec : CheckpointSpec
{
    /// <summary>The folder to make, absolute.</summary>
    public required string Target { get; init; }
}

/// <summary>Rank → host: the folder is whole.</summary>
/// <param name="Folder">Where.</param>
public sealed record ExportResult(string Folder) : RankMessage;

/// <summary>Host → rank, first: make a run of what another program trained.</summary>
/// <param name="Path">A Hugging Face folder, or a file or folder of the Python DTT, nanoGPT or llm.c, absolute.</param>
/// <param name="Name">The run's name before it is numbered.</param>
/// <param name="RunsFolder">The folder of all runs, absolute.</param>
/// <param name="TokenizersFolder">The folder of all tokenizers, absolute.</param>
/// <param name="Tokenizer">Its tokenizer: one that comes with DTT, a file or a folder, absolute; null: what is imported tells.</param>
public sealed record ImportSpec(string Path, string Name, string RunsFolder, string TokenizersFolder, string? Tokenizer = null) : RankMessage;

/// <summary>Rank → host: the run is there, complete.</summary>
/// <param name="RunFolder">Its folder.</param>
/// <param name="WeightsSha256">SHA-256 over its weights, hex.</param>
/// <param name="Note">What differs from what was imported, for the user; or null.</param>
public sealed record ImportResult(string RunFolder, string WeightsSha256, string? Note = null) : RankMessage;

/// <summary>Host → rank, first: measure training, saving, sampling and summing as ratios within one run.</summary>
public sealed record BenchSpec : RankMessage
{
    /// <summary>The model: one of <see cref="Configuration.ModelPresets"/>.</summary>
    public required string Preset { get; init; }

    /// <summary>Sequences of a step.</summary>
    public required int Batch { get; init; }

    /// <summary>Tokens of a sequence.</summary>
    public required int Context { get; init; }

    /// <summary>Interleaved pairs.</summary>
    public required int Pairs { get; init; }

    /// <summary><c>bf16</c>, <c>fp32</c>.</summary>
    public required IReadOnlyList<string> Precisions { get; init; }

    /// <summary>Which of <see cref="Parts"/>; empty: all.</summary>
    public required IReadOnlyList<string> Only { get; init; }

    /// <summary>A program that does a step of the same model for every line it reads, and prints its seconds; or null.</summary>
    public string? Peer { get; init; }

    /// <summary>Where the peer is started and checkpoints are written, absolute.</summary>
    public required string WorkingFolder { get; init; }

    /// <summary>
    /// A step against exactly its matrix products, and against a plain program on the same libtorch; a step while a checkpoint is written; a sampled
    /// token against reading all weights; the ring against plain sockets; another trainer.
    /// </summary>
    public static IReadOnlyList<string> Parts { get; } = ["gemm_share", "eager_torchsharp", "step_after_save", "document_mask", "sampling", "ring", "peer"];
}

/// <summary>Rank → host: one ratio, the other side's seconds ÷ a step's, over interleaved pairs.</summary>
public sealed record BenchResult : RankMessage
{
    /// <summary>What was measured, with its precision.</summary>
    public required string Name { get; init; }

    /// <summary>Median ratio of the pairs.</summary>
    public required double Median { get; init; }

    /// <summary>The smallest.</summary>
    public required double Lowest { get; init; }

    /// <summary>The largest.</summary>
    public required double Highest { get; init; }

    /// <summary>The smallest acceptable ratio.</summary>
    public required double Floor { get; init; }

    /// <summary>Pairs measured.</summary>
    public required int Pairs { get; init; }

    /// <summary>Median seconds of a step.</summary>
    public required double StepSeconds { get; init; }

    /// <summary>Threads of the step.</summary>
    public required int Threads { get; init; }

    /// <summary>Who the other side was, with its version, where it is another program.</summary>
    public string? Peer { get; init; }
}

/// <summary>Rank → host: a piece of a continuation, as it is made.</summary>
/// <param name="Index">Which continuation, from 0.</param>
/// <param name="Text">The next characters.</param>
/// <param name="Done">Whether this continuation is complete; then <paramref name="Tokens"/> and <paramref name="Seconds"/> are set.</param>
/// <param name="Tokens">Tokens made.</param>
/// <param name="Seconds">Time taken, the prompt's reading excluded.</param>
public sealed record SampledText(int Index, string Text, bool Done, int Tokens, double Seconds) : RankMessage;

/// <summary>Rank → host: how far a job is, for display.</summary>
/// <param name="Line">One line.</param>
public sealed record JobProgress(string Line) : RankMessage;

/// <summary>Rank → host, last: the job is done, and all of its results were sent.</summary>
public sealed record JobDone : RankMessage;
