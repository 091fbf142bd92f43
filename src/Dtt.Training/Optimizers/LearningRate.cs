using Dtt.Abstractions.Configuration;

namespace Dtt.Training.Optimizers;

/// <summary>Learning-rate schedules as pure functions of the step, 0 … total − 1.</summary>
internal static class LearningRate
{
    private const double OneCycleBaseBeta = 0.85;
    private const double OneCycleMaxBeta = 0.95;
    private const double DefaultWarmupShare = 0.05;

    /// <summary>The rate of a step and, for one-cycle, the β₁ that goes with it (PyTorch's cycle_momentum); null: the optimizer's own.</summary>
    public static (double Rate, double? Beta1) At(LearningRateConfig config, long step, long total) => config.Name switch
    {
        "onecycle" => OneCycle(config, step, total),
        "cosine" => (Warmup(config, step, total) ?? Cosine(config, step, total), null),
        "constant" => (Warmup(config, step, total) ?? config.Max, null),
        _ => throw new ArgumentException($"there is no schedule '{config.Name}'.", nameof(config)),
    };

    /// <summary>Steps of warm-up in a run of <paramref name="total"/> steps.</summary>
    public static long WarmupSteps(LearningRateConfig config, long total) => config.WarmupSteps ?? (long)(DefaultWarmupShare * total);

    private static double? Warmup(LearningRateConfig config, long step, long total)
    {
        var warmup = WarmupSteps(config, total);
        return step < warmup ? config.Max * (step + 1) / warmup : null;
    }

    /// <summary>Half a cosine from the largest to the smallest rate (Loshchilov and Hutter 2017, arXiv:1608.03983); the last step has the smallest.</summary>
    private static double Cosine(LearningRateConfig config, long step, long total)
    {
        var warmup = WarmupSteps(config, total);
        var done = total - 1 > warmup ? (double)(step - warmup) / (total - 1 - warmup) : 1;
        return config.Min + (config.Max - config.Min) * 0.5 * (1 + Math.Cos(Math.PI * done));
    }

    /// <summary>One cycle (Smith and Topin 2018, arXiv:1708.07120) as PyTorch's OneCycleLR with cosine annealing has it.</summary>
    private static (double Rate, double? Beta1) OneCycle(LearningRateConfig config, long step, long total)
    {
        var first = config.Max / config.DivFactor;
        var last = first / config.FinalDivFactor;
        var peak = config.PercentStart * total - 1;
        var end = total - 1.0;
        if (step <= peak)
        {
            var rising = peak > 0 ? step / peak : 1;
            return (Anneal(first, config.Max, rising), Anneal(OneCycleMaxBeta, OneCycleBaseBeta, rising));
        }

        var falling = end > peak ? (step - peak) / (end - peak) : 1;
        return (Anneal(config.Max, last, falling), Anneal(OneCycleBaseBeta, OneCycleMaxBeta, falling));
    }

    private static double Anneal(double from, double to, double done) => to + (from - to) / 2 * (1 + Math.Cos(Math.PI * done));
}
