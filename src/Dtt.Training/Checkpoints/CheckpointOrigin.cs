using Dtt.Core.Configuration;
using Dtt.Core.Runs;
using Dtt.Data.Order;

namespace Dtt.Training.Checkpoints;

/// <summary>What all checkpoints of an attempt have in common.</summary>
/// <param name="Run">The run's name.</param>
/// <param name="Attempt">The attempt.</param>
/// <param name="Seed">The run's seed.</param>
/// <param name="Model">The model's shape.</param>
/// <param name="TokenizerSha256">Hash of the tokenizer.</param>
/// <param name="Fingerprint">The numerics fingerprint.</param>
/// <param name="WindowsPerStep">Windows per step, G; 0: it was not trained on any.</param>
/// <param name="TokenData">The token data; null: it was not trained on any.</param>
/// <param name="Pack">Where its windows begin, as <c>pack</c> says; null: side by side.</param>
/// <param name="Positions">The positions of the data order that the run trains on; null: all.</param>
internal sealed record CheckpointOrigin(
    string Run, int Attempt, long Seed, ModelConfig Model, string TokenizerSha256, string Fingerprint, long WindowsPerStep, TokenIdentity? TokenData = null,
    string? Pack = null, PositionMap? Positions = null)
{
    private IReadOnlyList<PositionGap>? LeftOut => Positions is { Gaps.Count: > 0 } map ? map.Gaps : null;

    /// <summary>The mixture that the run trains on; null: of one dataset.</summary>
    public MixturePlan? Mixture { get; init; }

    /// <summary>The manifest of a step but for its files and weights' hash.</summary>
    public CheckpointManifest ManifestAt(long step) => new()
    {
        Format = CheckpointManifest.CurrentFormat,
        Run = Run,
        Attempt = Attempt,
        Step = step,
        Position = Positions?.PositionOf(step * WindowsPerStep) ?? step * WindowsPerStep,
        OrderVersion = LeftOut is null ? WindowOrder.Version : WindowOrder.VersionWithGaps,
        Pack = Pack,
        LeftOut = LeftOut,
        Seed = Seed,
        Model = Model,
        TokenizerSha256 = TokenizerSha256,
        TokenData = TokenData,
        Mixture = Mixture,
        Fingerprint = Fingerprint,
        WeightsSha256 = "",
        Files = [],
    };
}
