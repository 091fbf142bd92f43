using Dtt.Abstractions.Configuration;
using Dtt.Abstractions.Models;
using Dtt.Training.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Optimizers;

/// <summary>
/// Stochastic gradient descent with momentum as PyTorch's SGD has it (Sutskever et al. 2013, section 2; no dampening), by torch's fused kernel. Weight decay is part of the gradient.
/// </summary>
internal sealed class Sgd : Optimizer
{
    private const string Source = """
        def sgd(p: List[Tensor], g: List[Tensor], m: List[Tensor], lr: float, momentum: float, decay: float, nesterov: bool, scale: Tensor, skip: Tensor):
            torch._fused_sgd_(p, g, m, weight_decay=decay, momentum=momentum, lr=lr, dampening=0.0, nesterov=nesterov, maximize=False, is_first_step=False, grad_scale=scale, found_inf=skip)
            return 0

        """;

    private static readonly Lazy<jit.CompilationUnit> _kernel = new(() => jit.compile(Source));
    private readonly OptimizerConfig _config;
    private readonly FlatParameters _parameters;
    private readonly Tensor _momentum;

    /// <summary>An optimizer at rest.</summary>
    public Sgd(OptimizerConfig config, FlatParameters parameters) : base(parameters) => (_config, _parameters, _momentum) = (config, parameters, NewState());

    public override IEnumerable<(string Name, Tensor View)> StateOf(ParameterSpec weight) => [("momentum_buffer." + weight.Name, _parameters.ViewOf(weight.Name, _momentum))];

    public override void Dispose() => _momentum.Dispose();

    protected override void Update(long step, double learningRate, double momentum, Tensor scale, Tensor skip)
    {
        Update(0, _parameters.DecayedSize, learningRate, momentum, _config.WeightDecay, scale, skip);
        Update(_parameters.DecayedSize, _parameters.Size, learningRate, momentum, 0, scale, skip);
    }

    private void Update(long from, long to, double learningRate, double momentum, double decay, Tensor scale, Tensor skip)
    {
        if (from == to) return;
        Tensor[] Range(Tensor buffer) => [buffer.narrow(0, from, to - from)];
        using Scalar rate = learningRate.ToScalar(), moment = momentum.ToScalar(), weightDecay = decay.ToScalar(), nesterov = (_config.Nesterov && momentum > 0).ToScalar();
        using var done = _kernel.Value.invoke<Scalar>("sgd", Range(_parameters.Master), Range(_parameters.Gradient!), Range(_momentum), rate, moment, weightDecay, nesterov, scale, skip);
    }
}
