using Dtt.Abstractions.Configuration;
using Dtt.Abstractions.Models;
using Dtt.Training.Model;
using Dtt.Training.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Optimizers;

/// <summary>
/// One update of the flat master weights from the step's gradient. Clipping is folded in: kernels divide gradients by a scale, and leave everything as it is when
/// the gradient is not finite.
/// </summary>
internal abstract class Optimizer(FlatParameters parameters) : IDisposable
{
    /// <summary>The optimizer of a configuration, with an empty state.</summary>
    public static Optimizer Of(OptimizerConfig config, FlatParameters parameters) => config.Name switch
    {
        "adamw" or "adam" => new Adam(config, parameters),
        "sgd" => new Sgd(config, parameters),
        "muon" => new Muon(config, parameters),
        _ => throw new ArgumentException($"there is no optimizer '{config.Name}'.", nameof(config)),
    };

    /// <summary>One update; clears the gradient.</summary>
    /// <param name="step">Which update this is, from 1: it sets Adam's bias correction.</param>
    /// <param name="learningRate">The rate.</param>
    /// <param name="momentum">Adam's β₁, or the momentum, of this step (schedules may cycle it).</param>
    /// <param name="clip">Largest 2-norm of the gradient; 0: no clipping.</param>
    /// <returns>The gradient's 2-norm before clipping; not finite: nothing was updated, and the gradient stays.</returns>
    public float Step(long step, double learningRate, double momentum, double clip)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var gradient = parameters.Gradient!;
        var norm = gradient.norm();                                                 // () fp32
        using var limit = (clip > 0 ? clip : double.PositiveInfinity).ToScalar();
        var scale = norm.div(limit).clamp_min(Number.One);                           // divides gradients: norm ÷ clip when above it
        var skip = norm.isfinite().logical_not().to(ScalarType.Float32);
        Update(step, learningRate, momentum, scale, skip);
        var result = Number.Of(norm);
        if (!float.IsFinite(result)) return result;
        gradient.zero_();
        parameters.MasterChanged();
        return result;
    }

    /// <summary>The state of one weight by name: views of its unpadded part, which the caller disposes.</summary>
    public abstract IEnumerable<(string Name, Tensor View)> StateOf(ParameterSpec weight);

    /// <summary>Frees the state.</summary>
    public abstract void Dispose();

    /// <summary>Updates the master from gradient ÷ <paramref name="scale"/>, unless <paramref name="skip"/> is 1.</summary>
    protected abstract void Update(long step, double learningRate, double momentum, Tensor scale, Tensor skip);

    /// <summary>(Size) fp32 zeros beside the master.</summary>
    protected Tensor NewState()
    {
        using var scope = NewDisposeScope();
        return zeros_like(parameters.Master).DetachFromDisposeScope();
    }
}
