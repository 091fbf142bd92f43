namespace Dtt.Core.Models;

/// <summary>One weight tensor of a model.</summary>
/// <param name="Name">Its name in checkpoints: Hugging Face's names, with linear weights as (out, in).</param>
/// <param name="Shape">Its shape, unpadded.</param>
/// <param name="Init">Its first values.</param>
/// <param name="Role">What it is for.</param>
public sealed record ParameterSpec(string Name, IReadOnlyList<long> Shape, ParameterInit Init, ParameterRole Role)
{
    /// <summary>Number of values.</summary>
    public long Count => Shape.Aggregate(1L, (a, b) => a * b);

    /// <summary>Rows of the matrices that stand under each other in this one, such as query, key and value; a lone matrix is its only part.</summary>
    public IReadOnlyList<long> Parts { get; init; } = [Shape[0]];

    /// <summary>What Hugging Face calls the parts that it keeps each for itself; empty: it has this one.</summary>
    public IReadOnlyList<string> PartNames { get; init; } = [];

    /// <summary>Whether weight decay applies: to matrices and embeddings, not to biases and norms.</summary>
    public bool Decays => Shape.Count >= 2;
}

/// <summary>What a weight is for.</summary>
public enum ParameterRole
{
    /// <summary>A matrix within a block.</summary>
    Hidden,

    /// <summary>Its rows are the vocabulary's ids: token embedding, head, the head's bias. Padded at run time.</summary>
    Vocabulary,

    /// <summary>Its rows are positions.</summary>
    Position,

    /// <summary>A norm's gain or a bias.</summary>
    Vector,
}

/// <summary>How a tensor starts.</summary>
/// <param name="Kind">The distribution.</param>
/// <param name="Scale">Standard deviation of a normal, bound of a uniform, or the constant.</param>
public sealed record ParameterInit(InitKind Kind, double Scale)
{
    /// <summary>All 0.</summary>
    public static ParameterInit Zero { get; } = new(InitKind.Constant, 0);

    /// <summary>All 1.</summary>
    public static ParameterInit One { get; } = new(InitKind.Constant, 1);
}

/// <summary>A layer's weight and its bias.</summary>
/// <param name="Weight">A matrix, or a norm's gain.</param>
/// <param name="Bias">Its bias, or null.</param>
public sealed record LayerSpec(ParameterSpec Weight, ParameterSpec? Bias = null);

/// <summary>The weights of one block, in the order in which they are used.</summary>
/// <param name="Norm1">The norm before attention.</param>
/// <param name="Qkv">Query, key and value.</param>
/// <param name="QueryNorm">The norm of each query head, or null.</param>
/// <param name="KeyNorm">The norm of each key head, or null.</param>
/// <param name="Out">Attention's output.</param>
/// <param name="Norm2">The norm before the feed-forward layer.</param>
/// <param name="Up">The up-projection, or gate and up.</param>
/// <param name="Down">The down-projection.</param>
public sealed record BlockSpec(
    LayerSpec Norm1, LayerSpec Qkv, LayerSpec? QueryNorm, LayerSpec? KeyNorm, LayerSpec Out, LayerSpec Norm2, LayerSpec Up, LayerSpec Down)
{
    /// <summary>All of them.</summary>
    public IEnumerable<ParameterSpec> Weights => new[] { Norm1, Qkv, QueryNorm, KeyNorm, Out, Norm2, Up, Down }
        .OfType<LayerSpec>().SelectMany(l => new[] { l.Weight, l.Bias }.OfType<ParameterSpec>());
}

/// <summary>A distribution of first values.</summary>
public enum InitKind
{
    /// <summary>All values are the same.</summary>
    Constant,

    /// <summary>Normal around 0.</summary>
    Normal,

    /// <summary>Uniform between −bound and bound.</summary>
    Uniform,
}
