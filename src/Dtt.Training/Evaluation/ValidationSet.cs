using Dtt.Core.Configuration;
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

    /// <summary>Opens those of a run's tokens, which are the caller's to dispose.</summary>
    public static IReadOnlyList<ValidationSet> Open(IReadOnlyList<string> folders, IReadOnlyList<TokenIndex> indexes, RunConfig config, int endOfText)
    {
        long Windows(TokenIndex index, int number)
        {
            using var train = TokenShards.Open(folders[number], index, "train");
            return WindowIndex.Of(config, train, endOfText).Count;
        }

        IReadOnlyList<double> shares = indexes.Count == 1 ? [1] : new MixtureOrder(MixtureOrder.PlanOf(config, [.. indexes.Select(Windows)])).Shares;
        return [.. indexes.Select((index, i) => new ValidationSet(config.DatasetNames[i], TokenShards.Open(folders[i], index, "val"), shares[i]))];
    }
}
