using Dtt.Abstractions.Configuration;
using Dtt.Abstractions.Models;
using Dtt.Training.Collectives;
using Dtt.Training.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Optimizers;

/// <summary>
/// AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2), or Adam (Kingma and Ba 2015, arXiv:1412.6980), whose weight decay is part of the gradient; by torch's fused
/// kernels, one call for the decayed range and one for the rest.
/// </summary>
internal sealed class Adam : Optimizer
{
    private readonly AdamRange _range;

    /// <summary>An optimizer with zero moments.</summary>
    public Adam(OptimizerConfig config, FlatParameters parameters, ICollective? shared) : base(parameters, shared) =>
        _range = new AdamRange(config, parameters, From, NewState(), NewState());

    protected override IReadOnlyList<StateBuffer> State => _range.State(_ => true);

    public override void Dispose() => _range.Dispose();

    protected override void Update(long step, double learningRate, double momentum, Tensor scale, Tensor skip) =>
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

    /// <summary>Updates values [from, to) of the master, the decayed ones among them with decay.</summary>
    public void Update(long from, long to, long step, double learningRate, double beta1, Tensor scale, Tensor skip)
    {
        var decayed = Math.Clamp(parameters.DecayedSize, from, to);
        UpdateWith(from, decayed, step, learningRate, beta1, config.WeightDecay, scale, skip);
        UpdateWith(decayed, to, step, learningRate, beta1, 0, scale, skip);
    }

    public void Dispose()
    {
        firstMoment.Dispose();
        secondMoment.Dispose();
    }

    private void UpdateWith(long from, long to, long step, double learningRate, double beta1, double decay, Tensor scale, Tensor skip)
    {
        if (from == to) return;
        Tensor[] Range(Tensor buffer, long first) => [buffer.narrow(0, from - first, to - from)];
        using Scalar rate = learningRate.ToScalar(), first = beta1.ToScalar(), second = config.Beta2.ToScalar(), weightDecay = decay.ToScalar(), epsilon = config.Epsilon.ToScalar(), count = step.ToScalar();
        var steps = zeros([], dtype: ScalarType.Float32, device: parameters.Master.device).fill_(count);
        using var done = _kernels.Value.invoke<Scalar>(_kernel, Range(parameters.Master, 0), Range(parameters.Gradient!, 0), Range(firstMoment, start), Range(secondMoment, start), Array.Empty<Tensor>(), new[] { steps },
            rate, first, second, weightDecay, epsilon, scale, skip);
    }
}
