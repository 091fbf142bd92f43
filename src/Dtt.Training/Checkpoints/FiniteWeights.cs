using Dtt.Core.Errors;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Checkpoints;

/// <summary>Weights that are NaN or infinite make every text of a model garbage, and nothing else would say so.</summary>
internal static class FiniteWeights
{
    /// <summary>Refuses a weight with a value that is not finite.</summary>
    /// <param name="file">Where it is from, for the error.</param>
    /// <param name="name">Its name.</param>
    /// <param name="weight">Its values, of any shape and floating type, on any device.</param>
    /// <exception cref="BadDataException">One is NaN or infinite.</exception>
    public static void Require(string file, string name, Tensor weight)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        if (Number.Of(weight.isfinite().logical_not().any().to(ScalarType.Float32)) == 0) return;
        throw new BadDataException($"{file}: '{name}' holds NaN or infinity, and every text would be garbage: the weights are damaged. "
            + "Put whole ones there, or take an earlier checkpoint.");
    }
}
