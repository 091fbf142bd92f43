using Dtt.Core.Configuration;
using Dtt.Core.Runs;
using Dtt.Data.Order;
using Dtt.Data.Tokenizers;
using Dtt.Training.Collectives;
using Dtt.Training.Data;
using Dtt.Training.Model;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Evaluation;

/// <summary>
/// Loss over a fixed set of validation windows: the first ones of each dataset, side by side, about <c>val_tokens</c> targets together; ranks share the
/// batches. Each dataset has as many of them as its share of the mixture, and counts for that share.
/// </summary>
internal sealed class Evaluator(
    IReadOnlyList<ValidationSet> sets, RunConfig config, Vocabulary vocabulary, Device device, ICollective? collective = null)
{
    private readonly List<(ValidationSet Set, WindowIndex Windows)> _sets =
        [.. sets.Select(s => (s, new WindowIndex(s.Shards.Lengths, config.Model.ContextLength, overlap: 0))).Where(s => s.Item2.Count > 0)];

    /// <summary>Whether there is a single window to validate on.</summary>
    public bool HasWindows => _sets.Count > 0;

    /// <summary>The datasets without a window to validate on.</summary>
    public IReadOnlyList<string> Without => [.. sets.Select(s => s.Name).Except(_sets.Select(s => s.Set.Name))];

    /// <summary>The validation metrics, of a mixture also each dataset's loss; null when all validation text is shorter than the context.</summary>
    /// <param name="model">The model.</param>
    /// <param name="alive">Called before every batch.</param>
    public IReadOnlyDictionary<string, double>? Run(Gpt model, Action alive)
    {
        if (!HasWindows) return null;
        var t = config.Model.ContextLength;
        var whole = (config.ValTokens + t - 1) / t;
        var shared = _sets.Sum(s => s.Set.Share);
        var counts = _sets.ConvertAll(s => Math.Min(s.Windows.Count, Math.Max(1, (long)Math.Ceiling(whole * (s.Set.Share / shared)))));
        var sums = _sets.SelectMany((s, i) => Sum(model, s.Set, s.Windows, counts[i], alive)).ToArray();
        if (collective is not null)
        {
            using var scope = NewDisposeScope();
            var all = tensor(sums.Select(s => (float)s).ToArray(), device: device);                                // fp32 is what ranks exchange
            collective.AllReduce(all);
            for (var i = 0; i < sums.Length; i++) sums[i] = Number.Of(all[i]);
        }

        // A dataset with less text than its share counts for the share all the same.
        var (values, loss, bytes, windows) = (new Dictionary<string, double>(), 0.0, 0.0, counts.Sum());
        for (var i = 0; i < _sets.Count; i++)
        {
            var weight = _sets[i].Set.Share / shared * windows / counts[i];
            loss += weight * sums[2 * i];
            bytes += weight * sums[2 * i + 1];
            if (sets.Count > 1) values[MetricNames.ValLossOf(_sets[i].Set.Name)] = sums[2 * i] / (counts[i] * t);
        }

        var mean = loss / (windows * t);
        values[MetricNames.ValLoss] = mean;
        values[MetricNames.ValPerplexity] = Math.Exp(mean);
        values[MetricNames.ValBitsPerByte] = loss / Math.Log(2) / Math.Max(1, bytes);
        return values;
    }

    /// <summary>The summed loss of this rank's batches of the first windows, and the bytes of their targets.</summary>
    private double[] Sum(Gpt model, ValidationSet set, WindowIndex windows, long count, Action alive)
    {
        using var source = BatchSource.ForValidation(set.Shards, windows);
        var (loss, bytes) = (0.0, 0.0);
        var (rank, worldSize) = (collective?.Rank ?? 0, collective?.WorldSize ?? 1);
        for (var at = (long)rank * config.MicroBatchSize; at < count; at += (long)worldSize * config.MicroBatchSize)
        {
            alive();
            using var scope = NewDisposeScope();
            var (inputs, targets) = source.Read((at, (int)Math.Min(config.MicroBatchSize, count - at)), device);
            loss += Number.Of(model.Loss(inputs, targets));
            foreach (var id in targets.cpu().data<long>()) bytes += id == vocabulary.EndOfText ? 0 : vocabulary.BytesOf((int)id).Length;
        }

        return [loss, bytes];
    }
}
