using Dtt.Core.Configuration;
using Dtt.Core.Models;
using Dtt.Training.Collectives;
using Dtt.Training.Kernels;
using Dtt.Training.Model;
using Dtt.Training.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Optimizers;

/// <summary>
/// AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2), or Adam (Kingma and Ba 2015, arXiv:1412.6980), whose weight decay is part of the gradient; one call of a
/// fused kernel for the decayed range and one for the rest.
/// </summary>
internal sealed class Adam : Optimizer
{
    private readonly AdamRange _range;

    /// <summary>An optimizer with zero moments.</summary>
    public Adam(OptimizerConfig config, FlatParameters parameters, ICollective? shared) : base(parameters, shared) =>
        _range = new AdamRange(config, parameters, From, NewState(), NewState());

    protected override IReadOnlyList<StateBuffer> State => _range.State(_ => true);

    public override void Dispose()
    {
        _range.Dispose();
        base.Dispose();
    }

    protected override bool Update(long step, double learningRate, double momentum, Tensor scale, Tensor skip) =>
        _range.Update(From, To, step, learningRate, momentum, scale, skip);
}

/// <summary>Adam on ranges of the flat buffers; the moments' first value belongs to value <paramref name="start"/> of the master.</summary>
internal sealed class AdamRange(OptimizerConfig config, FlatParameters parameters, long start, Tensor firstMoment, Tensor secondMoment) : IDisposable
{
    // A script of single calls: compiled blocks may give other bits on their first run.
    private const string Source = """
        def adamw(p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], none: List[Tensor], steps: List[Tensor], lr: float, beta1: float, beta2: float, decay: float, eps: float, scale: Tensor, skip: Tensor):
            torch._fused_adamw_(p, g, m, v, none, steps, lr=lr, beta1=beta1, beta2=beta2, weight_decay=decay, eps=eps, amsgrad=False, maximize=False, grad_scale=scale, found_inf=skip)
            return 0

        def adam(p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], none: List[Tensor], steps: List[Tensor], lr: float, beta1: float, beta2: float, decay: float, eps: float, scale: Tensor, skip: Tensor):
            torch._fused_adam_(p, g, m, v, none, steps, lr=lr, beta1=beta1, beta2=beta2, weight_decay=decay, eps=eps, amsgrad=False, maximize=False, grad_scale=scale, found_inf=skip)
            return 0

        """;

    private static readonly Lazy<jit.CompilationUnit> _kernels = new(() => jit.compile(Source));
    private readonly string _kernel = config.Name == "adam" ? "adam" : "adamw";

    /// <summary>The moments.</summary>
    public IReadOnlyList<StateBuffer> State(Func<ParameterSpec, bool> covers) => [new("exp_avg", firstMoment, covers), new("exp_avg_sq", secondMoment, covers)];

    /// <summary>Updates values [from, to) of the master, the decayed ones among them with decay; true: of the working copy as well.</summary>
    public bool Update(long from, long to, long step, double learningRate, double beta1, Tensor scale, Tensor skip)
    {
        var onCpu = parameters.Master.device_type == DeviceType.CPU;
        if (onCpu && Number.Of(skip) != 0) return true;
        var decayed = Math.Clamp(parameters.DecayedSize, from, to);
        foreach (var (first, end, decay) in new[] { (from, decayed, config.WeightDecay), (decayed, to, 0) })
        {
            if (first == end) continue;
            if (onCpu) OnCpu(first, end, new AdamStep(learningRate, beta1, config.Beta2, decay, config.Epsilon, step, Number.Of(scale), Decoupled: _kernel == "adamw"));
            else ByTorch(first, end, step, learningRate, beta1, decay, scale, skip);
        }

        return onCpu;
    }

    public void Dispose()
    {
        firstMoment.Dispose();
        secondMoment.Dispose();
    }

    private void OnCpu(long from, long to, AdamStep update)
    {
        using var scope = NewDisposeScope();
        Tensor Range(Tensor buffer, long first) => buffer.narrow(0, from - first, to - from);
        update.Apply(Range(parameters.Master, 0), Range(parameters.Gradient!, 0), Range(firstMoment, start), Range(secondMoment, start), Range(parameters.Working, 0));
    }

    private void ByTorch(long from, long to, long step, double learningRate, double beta1, double decay, Tensor scale, Tensor skip)
    {
        Tensor[] Range(Tensor buffer, long first) => [buffer.narrow(0, from - first, to - from)];
        using Scalar rate = learningRate.ToScalar(), first = beta1.ToScalar(), second = config.Beta2.ToScalar(), weightDecay = decay.ToScalar(), epsilon = config.Epsilon.ToScalar(), count = step.ToScalar();
        var steps = zeros([], dtype: ScalarType.Float32, device: parameters.Master.device).fill_(count);
        using var done = _kernels.Value.invoke<Scalar>(_kernel, Range(parameters.Master, 0), Range(parameters.Gradient!, 0), Range(firstMoment, start), Range(secondMoment, start), Array.Empty<Tensor>(), new[] { steps },
            rate, first, second, weightDecay, epsilon, scale, skip);
    }
}
