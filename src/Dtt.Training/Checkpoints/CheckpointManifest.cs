using System.Text.Json.Serialization;
using Dtt.Core.Configuration;
using Dtt.Core.Runs;
using Dtt.Data.Order;

namespace Dtt.Training.Checkpoints;

/// <summary><c>manifest.json</c> of a checkpoint: what it is of, and every file with its size and hash. Written last.</summary>
internal sealed record CheckpointManifest
{
    public const string FileName = "manifest.json";
    public const int CurrentFormat = 1;

    /// <summary>Version of the layout.</summary>
    public required int Format { get; init; }

    /// <summary>The run's name.</summary>
    public required string Run { get; init; }

    /// <summary>The attempt that wrote it.</summary>
    public required int Attempt { get; init; }

    /// <summary>Steps done.</summary>
    public required long Step { get; init; }

    /// <summary>Next position of the data order: step · G, and what is left out before it.</summary>
    public required long Position { get; init; }

    /// <summary>
    /// Version of the data order: <see cref="WindowOrder.Version"/>, of a run that leaves windows out <see cref="WindowOrder.VersionWithGaps"/>.
    /// </summary>
    public required int OrderVersion { get; init; }

    /// <summary>Where windows begin, <c>bos</c>; null: side by side.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Pack { get; init; }

    /// <summary>What the run leaves out of the data order; null: nothing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<PositionGap>? LeftOut { get; init; }

    /// <summary>With <c>spike</c>, the losses of the last steps, oldest first, nats per token; null: without.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<double>? RecentLosses { get; init; }

    /// <summary>The run's seed.</summary>
    public required long Seed { get; init; }

    /// <summary>The model's shape.</summary>
    public required ModelConfig Model { get; init; }

    /// <summary>Hash of the tokenizer that made the tokens.</summary>
    public required string TokenizerSha256 { get; init; }

    /// <summary>The token data; null in imports and in checkpoints of earlier builds.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public TokenIdentity? TokenData { get; init; }

    /// <summary>The mixture; null: of one dataset.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public MixturePlan? Mixture { get; init; }

    /// <summary>The numerics fingerprint.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>SHA-256 over the weights' bytes in name order.</summary>
    public required string WeightsSha256 { get; init; }

    /// <summary>The other files.</summary>
    public required IReadOnlyList<CheckpointFile> Files { get; init; }
}

/// <summary>One file of a checkpoint.</summary>
/// <param name="Name">Its name in the folder.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">Its hash, hex.</param>
internal sealed record CheckpointFile(string Name, long Bytes, string Sha256);

/// <summary>The JSON of a manifest.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(CheckpointManifest))]
internal sealed partial class CheckpointJson : JsonSerializerContext;
