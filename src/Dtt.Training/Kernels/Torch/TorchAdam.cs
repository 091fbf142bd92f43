using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Torch;

/// <summary>Adam and AdamW by torch's fused kernels, which skip a gradient that is not finite without a word to the host.</summary>
internal static class TorchAdam
{
    // A script of single calls: compiled blocks may give other bits on their first run.
    private const string Source = """
        def adamw(p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], none: List[Tensor], steps: List[Tensor],
                  lr: float, beta1: float, beta2: float, decay: float, eps: float, scale: Tensor, skip: Tensor):
            torch._fused_adamw_(p, g, m, v, none, steps, lr=lr, beta1=beta1, beta2=beta2, weight_decay=decay, eps=eps,
                                amsgrad=False, maximize=False, grad_scale=scale, found_inf=skip)
            return 0

        def adam(p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], none: List[Tensor], steps: List[Tensor],
                 lr: float, beta1: float, beta2: float, decay: float, eps: float, scale: Tensor, skip: Tensor):
            torch._fused_adam_(p, g, m, v, none, steps, lr=lr, beta1=beta1, beta2=beta2, weight_decay=decay, eps=eps,
                               amsgrad=False, maximize=False, grad_scale=scale, found_inf=skip)
            return 0

        """;

    private static readonly Lazy<jit.CompilationUnit> _script = new(() => jit.compile(Source));

    /// <summary>Updates the master and the moments.</summary>
    public static void Apply(AdamStep step, AdamValues values, Tensor scale, Tensor skip)
    {
        using Scalar rate = step.LearningRate.ToScalar(), beta1 = step.Beta1.ToScalar(), beta2 = step.Beta2.ToScalar();
        using Scalar decay = step.WeightDecay.ToScalar(), epsilon = step.Epsilon.ToScalar(), count = step.Step.ToScalar();
        using var steps = zeros([], dtype: ScalarType.Float32, device: values.Master.device).fill_(count);
        Tensor[] master = [values.Master], gradient = [values.Gradient], first = [values.FirstMoment], second = [values.SecondMoment];
        using var done = _script.Value.invoke<Scalar>(
            step.Decoupled ? "adamw" : "adam", master, gradient, first, second, Array.Empty<Tensor>(), new[] { steps },
            rate, beta1, beta2, decay, epsilon, scale, skip);
    }
}
