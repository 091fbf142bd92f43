using Dtt.Core.Configuration;

namespace Dtt.Training.Optimizers;

/// <summary>Learning-rate schedules as pure functions of the step, 0 … total − 1.</summary>
internal static class LearningRate
{
    private const double OneCycleBaseMomentum = 0.85;
    private const double OneCycleMaxMomentum = 0.95;
    private const double DefaultWarmupShare = 0.05;

    /// <summary>The rate of a step and, for one-cycle, the β₁ or momentum that goes with it (PyTorch's cycle_momentum); null: the optimizer's own.</summary>
    public static (double Rate, double? Momentum) At(LearningRateConfig config, long step, long total) => config.Name switch
    {
        "onecycle" => OneCycle(config, step, total),
        "cosine" => (Warmup(config, step, total) ?? Cosine(config, step, total), null),
        "constant" => (Warmup(config, step, total) ?? config.Max, null),
        "exponential" => (Warmup(config, step, total) ?? Exponential(config, step, total), null),
        "wsd" => (Warmup(config, step, total) ?? StableThenDecay(config, step, total), null),
        _ => throw new ArgumentException($"there is no schedule '{config.Name}'.", nameof(config)),
    };

    /// <summary>Steps of warm-up in a run of <paramref name="total"/> steps.</summary>
    public static long WarmupSteps(LearningRateConfig config, long total) =>
        config.WarmupSteps ?? (config.Name == "exponential" ? 0 : (long)(DefaultWarmupShare * total));

    private static double? Warmup(LearningRateConfig config, long step, long total)
    {
        var warmup = WarmupSteps(config, total);
        return step < warmup ? config.Max * (step + 1) / warmup : null;
    }

    /// <summary>Half a cosine from the largest to the smallest rate (Loshchilov and Hutter 2017, arXiv:1608.03983); the last step has the smallest.</summary>
    private static double Cosine(LearningRateConfig config, long step, long total) =>
        Anneal(config.Max, config.Min, Done(step, WarmupSteps(config, total), total));

    /// <summary>max · γ^t, as PyTorch's ExponentialLR stepped once an update; γ unset: the last step has the smallest rate.</summary>
    private static double Exponential(LearningRateConfig config, long step, long total)
    {
        var warmup = WarmupSteps(config, total);
        return config.Gamma is { } gamma ? config.Max * Math.Pow(gamma, step - warmup)
            : config.Max * Math.Pow(config.Min / config.Max, Done(step, warmup, total));
    }

    /// <summary>Warm-up, stable, linear decay over the last share of the run (Hägele et al. 2024, arXiv:2405.18392), to the smallest rate.</summary>
    private static double StableThenDecay(LearningRateConfig config, long step, long total)
    {
        var decayFrom = Math.Max(WarmupSteps(config, total), total - 1 - (long)(config.DecayShare * total));
        return step <= decayFrom ? config.Max : config.Max + (config.Min - config.Max) * Done(step, decayFrom, total);
    }

    /// <summary>One cycle (Smith and Topin 2018, arXiv:1708.07120) as PyTorch's OneCycleLR with cosine annealing has it.</summary>
    private static (double Rate, double? Momentum) OneCycle(LearningRateConfig config, long step, long total)
    {
        var first = config.Max / config.DivFactor;
        var last = first / config.FinalDivFactor;
        var peak = config.PercentStart * total - 1;
        var end = total - 1.0;
        if (step <= peak)
        {
            var rising = peak > 0 ? step / peak : 1;
            return (Anneal(first, config.Max, rising), Anneal(OneCycleMaxMomentum, OneCycleBaseMomentum, rising));
        }

        var falling = end > peak ? (step - peak) / (end - peak) : 1;
        return (Anneal(config.Max, last, falling), Anneal(OneCycleBaseMomentum, OneCycleMaxMomentum, falling));
    }

    /// <summary>The share of the way from a step to the last one, 0–1.</summary>
    private static double Done(long step, long from, long total) => total - 1 > from ? (double)(step - from) / (total - 1 - from) : 1;

    private static double Anneal(double from, double to, double done) => to + (from - to) / 2 * (1 + Math.Cos(Math.PI * done));
}
