namespace Dtt.Core.Configuration;

/// <summary>The learning rate over a run.</summary>
public sealed record LearningRateConfig
{
    /// <summary><c>onecycle</c>, <c>cosine</c>, <c>constant</c>, <c>exponential</c> or <c>wsd</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The largest rate.</summary>
    public required double Max { get; init; }

    /// <summary>One-cycle: share of the run in which the rate rises.</summary>
    public required double PercentStart { get; init; }

    /// <summary>One-cycle: first rate = <see cref="Max"/> ÷ this.</summary>
    public required double DivFactor { get; init; }

    /// <summary>One-cycle: last rate = first rate ÷ this.</summary>
    public required double FinalDivFactor { get; init; }

    /// <summary>Steps of linear warm-up; null: 5 % of the run, none for exponential.</summary>
    public required long? WarmupSteps { get; init; }

    /// <summary>Cosine, exponential, wsd: the last rate.</summary>
    public required double Min { get; init; }

    /// <summary>Exponential: the factor from step to step; null: the one that ends at <see cref="Min"/>.</summary>
    public double? Gamma { get; init; }

    /// <summary>Wsd: share of the run in which the rate falls.</summary>
    public double DecayShare { get; init; } = 0.2;

    /// <summary>Whether a step's rate depends on how long the run is.</summary>
    public bool DependsOnLength => Name switch
    {
        "constant" => WarmupSteps is null,
        "exponential" => Gamma is null,
        _ => true,
    };

    internal static LearningRateConfig From(ConfigValues v) => new()
    {
        Name = v.Text("lr_schedule.name"),
        Max = v.Double("lr_schedule.params.lr_max"),
        PercentStart = v.Double("lr_schedule.params.pct_start"),
        DivFactor = v.Double("lr_schedule.params.div_factor"),
        FinalDivFactor = v.Double("lr_schedule.params.final_div_factor"),
        WarmupSteps = v.LongOrNull("warmup_steps"),
        Min = v.DoubleOrNull("min_lr") ?? (v.Text("lr_schedule.name") == "wsd" ? 0 : v.Double("lr_schedule.params.lr_max") / 10),
        Gamma = v.DoubleOrNull("lr_schedule.params.gamma"),
        DecayShare = v.Double("lr_schedule.params.decay_share"),
    };
}
