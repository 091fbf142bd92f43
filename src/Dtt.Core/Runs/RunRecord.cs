using System.Text.Json.Serialization;

namespace Dtt.Core.Runs;

/// <summary>The durable state of a run: what was decided and what was committed. Written by compare-and-swap on <see cref="Version"/>.</summary>
public sealed record RunRecord
{
    /// <summary>Counts the writes of this record.</summary>
    public required long Version { get; init; }

    /// <summary>The run's unique name.</summary>
    public required string Run { get; init; }

    /// <summary>What the run is doing.</summary>
    public required RunState State { get; init; }

    /// <summary>When the run was created.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Steps of the whole run; 0 until the first attempt has counted the windows.</summary>
    public long TotalSteps { get; init; }

    /// <summary>Windows per step, G: frozen by the first attempt.</summary>
    public long GlobalBatchWindows { get; init; }

    /// <summary>Target tokens per step.</summary>
    public long TokensPerStep { get; init; }

    /// <summary>The token data that it trains on: frozen by the first attempt; null in runs of earlier builds and in imports.</summary>
    public TokenIdentity? TokenData { get; init; }

    /// <summary>The windows that it leaves out, in the order in which that was decided; null: none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<LeftOutWindows>? LeftOut { get; init; }

    /// <summary>The mixture that it trains on: frozen by the first attempt; null: of one dataset.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public MixturePlan? Mixture { get; init; }

    /// <summary>The attempts, oldest first; the last one is current.</summary>
    public IReadOnlyList<RunAttempt> Attempts { get; init; } = [];

    /// <summary>The committed checkpoints that still exist, by step.</summary>
    public IReadOnlyList<CommittedCheckpoint> Checkpoints { get; init; } = [];

    /// <summary>Number of the current attempt; 0 before the first.</summary>
    [JsonIgnore]
    public int CurrentAttempt => Attempts.Count == 0 ? 0 : Attempts[^1].Attempt;

    /// <summary>The newest committed checkpoint, or null.</summary>
    [JsonIgnore]
    public CommittedCheckpoint? Latest => Checkpoints.Count == 0 ? null : Checkpoints[^1];

    /// <summary>The committed checkpoint with the lowest validation loss, the earliest of equals, or null.</summary>
    [JsonIgnore]
    public CommittedCheckpoint? Best => Checkpoints.Where(c => c.ValLoss is not null).OrderBy(c => c.ValLoss).ThenBy(c => c.Step).FirstOrDefault();
}
