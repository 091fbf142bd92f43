namespace Dtt.Core.Models;

/// <summary>The first values of an architecture's weights; norms start as the identity, and a head of its own as the token embedding does.</summary>
public sealed record InitScheme
{
    /// <summary>The token embedding.</summary>
    public required ParameterInit Tokens { get; init; }

    /// <summary>The position embedding.</summary>
    public required ParameterInit Positions { get; init; }

    /// <summary>(fan-in) → query, key and value, and the up-projection.</summary>
    public required Func<long, ParameterInit> In { get; init; }

    /// <summary>(blocks, fan-in) → attention's output.</summary>
    public required Func<int, long, ParameterInit> Out { get; init; }

    /// <summary>(blocks, fan-in) → the down-projection.</summary>
    public required Func<int, long, ParameterInit> Down { get; init; }

    /// <summary>(fan-in) → a bias.</summary>
    public required Func<long, ParameterInit> Bias { get; init; }

    /// <summary>
    /// N(0, 0.02), the projections into the residual stream scaled by 1/√(2L), as Hugging Face's GPT2LMHeadModel starts (Radford et al. 2019, section 2.3);
    /// biases at 0.
    /// </summary>
    public static InitScheme Gpt2 { get; } = new()
    {
        Tokens = Normal(0.02),
        Positions = Normal(0.02),
        In = _ => Normal(0.02),
        Out = (blocks, _) => Normal(0.02 / Math.Sqrt(2.0 * blocks)),
        Down = (blocks, _) => Normal(0.02 / Math.Sqrt(2.0 * blocks)),
        Bias = _ => ParameterInit.Zero,
    };

    /// <summary>The Python DTT's: matrices by their fan-in, biases as PyTorch's <c>Linear</c> starts them.</summary>
    public static InitScheme Dtt { get; } = new()
    {
        Tokens = Normal(0.02),
        Positions = Normal(1),
        In = width => Normal(1 / Math.Sqrt(width)),
        Out = (_, width) => Normal(1 / Math.Sqrt(width)),
        Down = (_, width) => Normal(1.57 / Math.Sqrt(width)),
        Bias = width => new(InitKind.Uniform, 1 / Math.Sqrt(width)),
    };

    private static ParameterInit Normal(double deviation) => new(InitKind.Normal, deviation);
}
