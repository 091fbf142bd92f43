using Dtt.Core.Configuration;
using Dtt.Core.Runs;
using Dtt.Data.Order;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;
using Dtt.Training.Collectives;
using Dtt.Training.Data;
using Dtt.Training.Model;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Evaluation;

/// <summary>Loss over a fixed set of validation windows: the first ones, side by side, about <c>val_tokens</c> targets; ranks share the batches.</summary>
internal sealed class Evaluator(TokenShards shards, RunConfig config, Vocabulary vocabulary, Device device, ICollective? collective = null)
{
    private readonly WindowIndex _windows = new(shards.Lengths, config.Model.ContextLength, overlap: 0);

    /// <summary>Whether there is a single window to validate on.</summary>
    public bool HasWindows => _windows.Count > 0;

    /// <summary>The validation metrics; null when the validation text is shorter than the context.</summary>
    /// <param name="model">The model.</param>
    /// <param name="alive">Called before every batch.</param>
    public IReadOnlyDictionary<string, double>? Run(Gpt model, Action alive)
    {
        var t = config.Model.ContextLength;
        var count = Math.Min(_windows.Count, (config.ValTokens + t - 1) / t);
        if (count == 0) return null;
        using var source = BatchSource.ForValidation(shards, _windows);
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

        if (collective is not null)
        {
            using var scope = NewDisposeScope();
            var sums = tensor(new[] { (float)loss, (float)bytes }, device: device);                                // fp32 is what ranks exchange
            collective.AllReduce(sums);
            (loss, bytes) = (Number.Of(sums[0]), Number.Of(sums[1]));
        }

        var mean = loss / (count * t);
        return new Dictionary<string, double>
        {
            [MetricNames.ValLoss] = mean,
            [MetricNames.ValPerplexity] = Math.Exp(mean),
            [MetricNames.ValBitsPerByte] = loss / Math.Log(2) / Math.Max(1, bytes),
        };
    }
}
