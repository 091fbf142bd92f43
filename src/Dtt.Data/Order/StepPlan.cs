using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Runs;

namespace Dtt.Data.Order;

/// <summary>How many steps a run has: ⌊epochs · N / G⌋, bounded by max_steps and max_tokens.</summary>
public static class StepPlan
{
    /// <summary>What bounds a run whose mixture has an end: its windows.</summary>
    public const string Mixture = "mixture";

    /// <summary>Checks that every rank has a micro-batch of a step.</summary>
    /// <exception cref="BadDataException">There are more ranks than micro-batches.</exception>
    public static void CheckWorld(RunConfig config, long globalBatchWindows, int worldSize)
    {
        var micro = MicroBatches(globalBatchWindows, config.MicroBatchSize);
        if (worldSize > micro)
        {
            throw new BadDataException($"{worldSize} ranks are too many: a step of {globalBatchWindows:N0} windows has {micro:N0} micro-batches of "
                + $"{config.MicroBatchSize}, so some ranks would have nothing to do. Use at most {micro:N0} ranks, or a smaller batch_size.");
        }
    }

    /// <summary>Micro-batches of a step; the last one may be smaller.</summary>
    public static long MicroBatches(long globalBatchWindows, int microBatchSize) => (globalBatchWindows + microBatchSize - 1) / microBatchSize;

    /// <summary>The micro-batches [From, To) of a step that a rank computes: contiguous, nearly as many for each.</summary>
    public static (long From, long To) DealtTo(int rank, int worldSize, long microBatches) =>
        (microBatches * rank / worldSize, microBatches * (rank + 1) / worldSize);

    /// <summary>The plan of a run over N windows.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="windows">N.</param>
    /// <param name="globalBatchWindows">Windows per step, G.</param>
    /// <exception cref="BadDataException">The text is too small for one step.</exception>
    public static RunPlan Of(RunConfig config, long windows, long globalBatchWindows)
    {
        var t = config.Model.ContextLength;
        var tokensPerStep = globalBatchWindows * t;
        var steps = config.Epochs * windows / globalBatchWindows;
        if (windows == 0)
        {
            throw new BadDataException($"the training text is too small: no token shard holds the {t + 1:N0} tokens that one window of n_ctx {t:N0} needs. "
                + "Add text or lower n_ctx.");
        }

        if (steps == 0)
        {
            throw new BadDataException($"the training text is too small for one step: it has {windows:N0} windows of {t:N0} tokens, and a step needs "
                + $"{globalBatchWindows:N0} (batch_size × grad_accumulation_steps × ranks). Add text, raise epochs, or lower batch_size.");
        }

        return new RunPlan(Bounds(config, windows, globalBatchWindows).Min(b => b.Steps), globalBatchWindows, tokensPerStep);
    }

    /// <summary>The keys that bound a run's length, or its mixture, each with its value and the steps that it allows: the fewest are the run's.</summary>
    public static IReadOnlyList<(string Key, long Value, long Steps)> Bounds(RunConfig config, long windows, long globalBatchWindows)
    {
        var all = config.Epochs * windows / globalBatchWindows;
        var bounds = new List<(string Key, long Value, long Steps)> { config.EndsWithItsMixture ? (Mixture, windows, all) : ("epochs", config.Epochs, all) };
        if (config.MaxSteps is { } steps) bounds.Add(("max_steps", steps, steps));
        if (config.MaxTokens is { } tokens) bounds.Add(("max_tokens", tokens, Math.Max(1, tokens / (globalBatchWindows * config.Model.ContextLength))));
        return bounds;
    }
}
