using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Data.Order;
using Dtt.Training.Model;
using Dtt.Training.Optimizers;

namespace Dtt.Training.Checkpoints;

/// <summary>The state that an attempt starts from: the newest committed checkpoint that is whole, else another run's weights or fresh ones.</summary>
internal sealed class CheckpointRestore(
    TrainSpec spec, CheckpointOrigin origin, FlatParameters parameters, Optimizer optimizer, Action<RankMessage> tell)
{
    /// <summary>The losses of the steps before, as far as the checkpoint has them, oldest first, nats per token.</summary>
    public IReadOnlyList<double> RecentLosses { get; private set; } = [];

    /// <summary>Fills weights and optimizer.</summary>
    /// <returns>Steps done.</returns>
    /// <exception cref="BadDataException">No committed checkpoint can be read, or the one to start from does not fit.</exception>
    /// <exception cref="UserErrorException">The tokens are others than the run's.</exception>
    public long Run()
    {
        foreach (var checkpoint in spec.ResumeFrom)
        {
            try
            {
                Load(checkpoint);
                return checkpoint.Step;
            }
            catch (BadDataException e)
            {
                tell(new RankEvent(EventKinds.Unreadable, $"{e.Message} Trying the checkpoint before it."));
            }
        }

        if (spec.ResumeFrom.Count > 0)
        {
            throw new BadDataException($"no checkpoint of run '{spec.Run}' could be read (see `dtt show {spec.Run}`); "
                + "restore one from a backup, or start a new run.");
        }

        if (spec.InitFrom is { } other) StartFrom(other);
        else parameters.Initialize(origin.Seed);
        return 0;
    }

    private void Load(CommittedCheckpoint checkpoint)
    {
        var folder = new RunLayout(spec.RunFolder).Checkpoint(checkpoint.FolderName);
        var manifest = CheckpointFolder.ReadManifest(folder, checkpoint.ManifestSha256);
        if (manifest.OrderVersion is not (WindowOrder.Version or WindowOrder.VersionWithGaps))
        {
            throw new BadDataException($"{folder} follows version {manifest.OrderVersion} of the data order; "
                + $"this version of DTT has {WindowOrder.Version} and {WindowOrder.VersionWithGaps}.");
        }

        if (!PositionMap.Before(manifest.LeftOut ?? [], manifest.Position).SequenceEqual(PositionMap.Before(origin.Positions?.Gaps ?? [], manifest.Position)))
            throw new BadDataException($"{folder} saw other windows than the run's order has up to its step: what is left out differs.");

        RequireItsTokens(folder, manifest);
        RequireItsKeys(folder, manifest);
        CheckpointFolder.Load(folder, manifest, origin.Model, parameters, optimizer);
        RecentLosses = manifest.RecentLosses ?? [];
        if (manifest.Fingerprint != origin.Fingerprint)
        {
            tell(new RankEvent(EventKinds.Fingerprint, "resuming under other numerics: same windows, but not the same bits "
                + $"({manifest.Fingerprint} → {origin.Fingerprint})"));
        }
    }

    /// <summary>Refuses other tokens, and another mixture of them, for good: no earlier checkpoint of the run would fit them either.</summary>
    private void RequireItsTokens(string folder, CheckpointManifest manifest)
    {
        TokenIdentity.Require(manifest.TokenData, origin.TokenData!, spec.Run, spec.TokensFolders);
        if (manifest.TokenData is not null) MixturePlan.Require(manifest.Mixture, origin.Mixture, spec.Run);
        if (manifest.TokenizerSha256 == origin.TokenizerSha256) return;
        throw new UserErrorException($"{folder} was trained with another tokenizer ({manifest.TokenizerSha256[..12]}) than the one that made the tokens in "
            + $"{spec.TokensFolder} ({origin.TokenizerSha256[..12]}). Put its tokenizer and tokens back, or begin a new run.", ExitCodes.BadData);
    }

    /// <summary>Refuses to go on as another function of the tokens, or over other windows.</summary>
    private void RequireItsKeys(string folder, CheckpointManifest manifest)
    {
        void Require(string key, string there, string here)
        {
            if (there == here) return;
            throw new UserErrorException($"{folder} was trained with '{key}: {there}', and the configuration says {here}: a run that has begun keeps it. "
                + $"Set it back, or begin a new run from its weights: dtt train --set init_from={spec.Run}.", ExitCodes.BadConfiguration);
        }

        Require("document_mask", Word(manifest.Model), Word(origin.Model));
        Require("pack", manifest.Pack ?? "none", origin.Pack ?? "none");
        static string Word(ModelConfig model) => model.DocumentMask ? "true" : "false";
    }

    /// <summary>Loads the weights of another run's checkpoint; the optimizer starts afresh.</summary>
    private void StartFrom(CheckpointPlace other)
    {
        var manifest = CheckpointFolder.ReadManifest(other.Folder, other.ManifestSha256);
        if (manifest.TokenizerSha256 != origin.TokenizerSha256)
        {
            throw new BadDataException($"init_from: {other.Folder} was trained with another tokenizer than the one of these tokens; "
                + "tokenize the text with its tokenizer.");
        }

        CheckpointFolder.Load(other.Folder, manifest, origin.Model, parameters, optimizer: null);
        tell(new RankEvent(EventKinds.InitFrom, $"weights of run '{manifest.Run}' after step {manifest.Step}"));
    }
}
