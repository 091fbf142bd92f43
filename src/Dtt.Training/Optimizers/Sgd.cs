using Dtt.Core.Configuration;
using Dtt.Training.Collectives;
using Dtt.Training.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Optimizers;

/// <summary>
/// Stochastic gradient descent with momentum as PyTorch's SGD has it (Sutskever et al. 2013, section 2; no dampening), by torch's fused kernel. Weight decay
/// is part of the gradient.
/// </summary>
internal sealed class Sgd : Optimizer
{
    private const string Source = """
        def sgd(p: List[Tensor], g: List[Tensor], m: List[Tensor],
                lr: float, momentum: float, decay: float, nesterov: bool, scale: Tensor, skip: Tensor):
            torch._fused_sgd_(p, g, m, weight_decay=decay, momentum=momentum, lr=lr, dampening=0.0, nesterov=nesterov,
                              maximize=False, is_first_step=False, grad_scale=scale, found_inf=skip)
            return 0

        """;

    private static readonly Lazy<jit.CompilationUnit> _kernel = new(() => jit.compile(Source));
    private readonly OptimizerConfig _config;
    private readonly Tensor _momentum;

    /// <summary>An optimizer at rest.</summary>
    public Sgd(OptimizerConfig config, FlatParameters parameters, ICollective? shared) : base(parameters, shared) =>
        (_config, _momentum) = (config, NewState());

    protected override IReadOnlyList<StateBuffer> State => [new("momentum_buffer", _momentum, _ => true)];

    public override void Dispose()
    {
        _momentum.Dispose();
        base.Dispose();
    }

    protected override bool Update(long step, double learningRate, double momentum, Tensor scale, Tensor skip)
    {
        var decayed = Math.Clamp(Parameters.DecayedSize, From, To);
        Update(From, decayed, learningRate, momentum, _config.WeightDecay, scale, skip);
        Update(decayed, To, learningRate, momentum, 0, scale, skip);
        return false;
    }

    private void Update(long from, long to, double learningRate, double momentum, double decay, Tensor scale, Tensor skip)
    {
        if (from == to) return;
        Tensor[] Range(Tensor buffer, long first) => [buffer.narrow(0, from - first, to - from)];
        using Scalar rate = learningRate.ToScalar(), moment = momentum.ToScalar(), weightDecay = decay.ToScalar();
        using Scalar nesterov = (_config.Nesterov && momentum > 0).ToScalar();
        using var done = _kernel.Value.invoke<Scalar>(
            "sgd", Range(Parameters.Master, 0), Range(Parameters.Gradient!, 0), Range(_momentum, From),
            rate, moment, weightDecay, nesterov, scale, skip);
    }
}
