using Dtt.Core.Runs;
using Dtt.Data.Order;
using Dtt.Data.Tokens;

namespace Dtt.Training.Evaluation;

/// <summary>The validation shards of one dataset, and its part of the run's mixture.</summary>
/// <param name="Name">The dataset.</param>
/// <param name="Shards">Its shards.</param>
/// <param name="Share">0 to 1.</param>
internal sealed record ValidationSet(string Name, TokenShards Shards, double Share)
{
    /// <summary>Those of the data that are trained on.</summary>
    public static IReadOnlyList<ValidationSet> Of(TrainingData data) =>
        [.. data.Datasets.Zip(data.Order.Shares, (d, share) => new ValidationSet(d.Name, d.Val, share))];

    /// <summary>Opens those of a run's tokens, which are the caller's to dispose; no training shard is touched.</summary>
    /// <param name="folders">The token shards of each dataset.</param>
    /// <param name="indexes">Their indexes.</param>
    /// <param name="names">The datasets' names.</param>
    /// <param name="mixture">The mixture that the run was trained on; null: of one dataset.</param>
    public static IReadOnlyList<ValidationSet> Open(
        IReadOnlyList<string> folders, IReadOnlyList<TokenIndex> indexes, IReadOnlyList<string> names, MixturePlan? mixture)
    {
        var shares = mixture is null ? [1] : new MixtureOrder(mixture).Shares;
        return [.. indexes.Select((index, i) => new ValidationSet(names[i], TokenShards.Open(folders[i], index, "val"), shares[i]))];
    }
}
