namespace Dtt.Core.Configuration;

/// <summary>The constants of an optimizer.</summary>
public sealed record OptimizerConfig
{
    private const double SgdMomentum = 0.9, MuonMomentum = 0.95;

    /// <summary><c>adamw</c>, <c>adam</c>, <c>sgd</c> or <c>muon</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Weight decay λ: decoupled in AdamW and Muon, part of the gradient in Adam and SGD.</summary>
    public required double WeightDecay { get; init; }

    /// <summary>Adam's decay rate of the first moment, β₁.</summary>
    public required double Beta1 { get; init; }

    /// <summary>Adam's decay rate of the second moment, β₂.</summary>
    public required double Beta2 { get; init; }

    /// <summary>Adam's ε, added to the root of the second moment.</summary>
    public required double Epsilon { get; init; }

    /// <summary>What a schedule may cycle: the momentum of SGD or Muon, Adam's β₁.</summary>
    public double Momentum { get => Name is "sgd" or "muon" ? field : Beta1; init; }

    /// <summary>Whether SGD or Muon look ahead by a step of momentum.</summary>
    public bool Nesterov { get; init; }

    internal static OptimizerConfig From(ConfigValues v)
    {
        var name = v.Text("optimizer.name");
        return new OptimizerConfig
        {
            Name = name,
            WeightDecay = v.Double("optimizer.params.weight_decay"),
            Beta1 = v.Numbers("optimizer.params.betas").ElementAtOrDefault(0),
            Beta2 = v.Numbers("optimizer.params.betas").ElementAtOrDefault(1),
            Epsilon = v.Double("optimizer.params.eps"),
            Momentum = v.DoubleOrNull("optimizer.params.momentum") ?? (name == "muon" ? MuonMomentum : SgdMomentum),
            Nesterov = v.BoolOrNull("optimizer.params.nesterov") ?? name == "muon",
        };
    }
}
