using Dtt.Core.Platform;

namespace Dtt.Core.Runs;

/// <summary>What a client wants trained.</summary>
public sealed record RunRequest
{
    /// <summary>The resolved configuration, YAML.</summary>
    public required string ConfigYaml { get; init; }

    /// <summary>The token shards to train on, absolute.</summary>
    public required string TokensFolder { get; init; }

    /// <summary>The tokenizer of those tokens, absolute.</summary>
    public required string TokenizerFolder { get; init; }

    /// <summary>The experiment that the run belongs to: the name wished for, before it was numbered.</summary>
    public required string Experiment { get; init; }

    /// <summary>Newest checkpoints that retention keeps.</summary>
    public required int Keep { get; init; }

    /// <summary>Environment of the run's ranks: what decides their numerics, taken from the client's own (see <see cref="RankEnvironment"/>).</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>Higher goes first in the queue.</summary>
    public int Priority { get; init; }

    /// <summary>The checkpoint whose weights it starts from; null: fresh ones.</summary>
    public CheckpointPlace? InitFrom { get; init; }

    /// <summary>The devices it wants.</summary>
    public DeviceRequest Devices { get; init; } = new(WantsGpu: false, Ranks: 1, MinRanks: 1);
}
