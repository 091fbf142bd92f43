namespace Dtt.Abstractions.Configuration;

/// <summary>The constants of AdamW (Loshchilov and Hutter, arXiv:1711.05101).</summary>
public sealed record OptimizerConfig
{
    /// <summary><c>adamw</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Decoupled weight decay λ.</summary>
    public required double WeightDecay { get; init; }

    /// <summary>Decay rate of the first moment, β₁.</summary>
    public required double Beta1 { get; init; }

    /// <summary>Decay rate of the second moment, β₂.</summary>
    public required double Beta2 { get; init; }

    /// <summary>ε, added to the root of the second moment.</summary>
    public required double Epsilon { get; init; }

    internal static OptimizerConfig From(ConfigValues v) => new()
    {
        Name = v.Text("optimizer.name"),
        WeightDecay = v.Double("optimizer.params.weight_decay"),
        Beta1 = v.Numbers("optimizer.params.betas").ElementAtOrDefault(0),
        Beta2 = v.Numbers("optimizer.params.betas").ElementAtOrDefault(1),
        Epsilon = v.Double("optimizer.params.eps"),
    };
}
