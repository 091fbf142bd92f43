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
public sealed record ParameterInit(InitKind Kind, double Scale);

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
