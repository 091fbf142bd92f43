using System.Text.Json.Serialization;
using Dtt.Core.Runs;

namespace Dtt.Data.Order;

/// <summary>How much of a dataset of a mixture is drawn.</summary>
/// <param name="Dataset">Its name.</param>
/// <param name="Tokens">Target tokens drawn of it.</param>
/// <param name="Epochs">How often that is all of its windows.</param>
/// <param name="Share">Its part of all tokens drawn, 0 to 1.</param>
public sealed record MixtureDraw(string Dataset, long Tokens, double Epochs, double Share)
{
    /// <summary>All but the name, for people.</summary>
    [JsonIgnore]
    public string InWords => $"{Tokens:N0} tokens, {100 * Share:0.##} %, {Epochs:0.##} epochs";

    /// <summary>What the first steps of a run drew of each dataset; nothing where there is no mixture.</summary>
    /// <param name="record">The run.</param>
    /// <param name="steps">Steps done.</param>
    /// <param name="contextLength">T.</param>
    public static IReadOnlyList<MixtureDraw> Of(RunRecord record, long steps, int contextLength) =>
        Of(record.Mixture, steps * record.GlobalBatchWindows, contextLength, new PositionMap(record.LeftOut));

    /// <summary>What the first windows of a run are of each dataset; nothing where there is no mixture.</summary>
    /// <param name="mixture">The mixture.</param>
    /// <param name="windows">Windows drawn.</param>
    /// <param name="contextLength">T.</param>
    /// <param name="positions">The positions that the run trains on.</param>
    public static IReadOnlyList<MixtureDraw> Of(MixturePlan? mixture, long windows, int contextLength, PositionMap positions)
    {
        if (mixture is null) return [];
        var order = new MixtureOrder(mixture);
        var end = windows == 0 ? 0 : positions.PositionOf(windows - 1) + 1;
        var drawn = order.Drawn(end);
        foreach (var (from, to) in PositionMap.Before(positions.Gaps, end))
        {
            var (before, after) = (order.Drawn(from), order.Drawn(to));
            for (var i = 0; i < drawn.Length; i++) drawn[i] -= after[i] - before[i];
        }

        return [.. mixture.Datasets.Zip(drawn, (d, n) => new MixtureDraw(d.Name, n * contextLength, (double)n / d.Windows, (double)n / Math.Max(1, windows)))];
    }
}
