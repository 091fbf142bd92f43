using Dtt.Abstractions.Configuration;
using Dtt.Training.Model;
using Dtt.Training.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Optimizers;

/// <summary>
/// AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2) on the flat buffers by torch's fused kernel: one call for the decayed range,
/// one for the rest. Clipping is folded in: the kernel divides gradients by a scale.
/// </summary>
internal sealed class AdamW : IDisposable
{
    // A script of single calls: compiled blocks may give other bits on their first run.
    private const string Source = """
        def fused(p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], none: List[Tensor], steps: List[Tensor], lr: float, beta1: float, beta2: float, decay: float, eps: float, scale: Tensor, skip: Tensor):
            torch._fused_adamw_(p, g, m, v, none, steps, lr=lr, beta1=beta1, beta2=beta2, weight_decay=decay, eps=eps, amsgrad=False, maximize=False, grad_scale=scale, found_inf=skip)
            return 0

        """;

    private static readonly Lazy<jit.CompilationUnit> _kernel = new(() => jit.compile(Source));
    private readonly OptimizerConfig _config;
    private readonly FlatParameters _parameters;
    private readonly Tensor _step;

    /// <summary>An optimizer with zero moments.</summary>
    public AdamW(OptimizerConfig config, FlatParameters parameters)
    {
        (_config, _parameters) = (config, parameters);
        using var scope = NewDisposeScope();
        FirstMoment = zeros_like(parameters.Master).DetachFromDisposeScope();
        SecondMoment = zeros_like(parameters.Master).DetachFromDisposeScope();
        _step = zeros([], dtype: float32, device: parameters.Master.device).DetachFromDisposeScope();
    }

    /// <summary>(Size) fp32: the running mean of gradients.</summary>
    public Tensor FirstMoment { get; }

    /// <summary>(Size) fp32: the running mean of squared gradients.</summary>
    public Tensor SecondMoment { get; }

    /// <summary>One update from the step's gradient, which is cleared; skipped on the device when the gradient is not finite.</summary>
    /// <param name="step">Which update this is, from 1: it sets the bias correction.</param>
    /// <param name="learningRate">The rate.</param>
    /// <param name="beta1">β₁ of this step (schedules may cycle it).</param>
    /// <param name="clip">Largest 2-norm of the gradient; 0: no clipping.</param>
    /// <returns>The gradient's 2-norm before clipping, not finite when the update was skipped.</returns>
    public float Step(long step, double learningRate, double beta1, double clip)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var gradient = _parameters.Gradient!;
        var norm = gradient.norm();                                                 // () fp32
        using var limit = (clip > 0 ? clip : double.PositiveInfinity).ToScalar();
        var scale = norm.div(limit).clamp_min(Number.One);                           // divides gradients: norm ÷ clip when above it
        var skip = norm.isfinite().logical_not().to(ScalarType.Float32);
        using var count = step.ToScalar();
        _step.fill_(count);
        Update(0, _parameters.DecayedSize, learningRate, beta1, _config.WeightDecay, scale, skip);
        Update(_parameters.DecayedSize, _parameters.Size, learningRate, beta1, 0, scale, skip);
        var result = Number.Of(norm);
        if (!float.IsFinite(result)) return result;
        gradient.zero_();
        _parameters.MasterChanged();
        return result;
    }

    public void Dispose()
    {
        FirstMoment.Dispose();
        SecondMoment.Dispose();
        _step.Dispose();
    }

    private void Update(long from, long to, double learningRate, double beta1, double decay, Tensor scale, Tensor skip)
    {
        if (from == to) return;
        Tensor[] Range(Tensor buffer) => [buffer.narrow(0, from, to - from)];
        using Scalar rate = learningRate.ToScalar(), first = beta1.ToScalar(), second = _config.Beta2.ToScalar(), weightDecay = decay.ToScalar(), epsilon = _config.Epsilon.ToScalar();
        using var done = _kernel.Value.invoke<Scalar>("fused", Range(_parameters.Master), Range(_parameters.Gradient!), Range(FirstMoment), Range(SecondMoment), Array.Empty<Tensor>(), new[] { _step.clone() },
            rate, first, second, weightDecay, epsilon, scale, skip);
    }
}
