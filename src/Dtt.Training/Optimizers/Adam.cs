using Dtt.Core.Configuration;
using Dtt.Core.Models;
using Dtt.Training.Collectives;
using Dtt.Training.Kernels;
using Dtt.Training.Model;
using static TorchSharp.torch;

namespace Dtt.Training.Optimizers;

/// <summary>
/// AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2), or Adam (Kingma and Ba 2015, arXiv:1412.6980), whose weight decay is part of the
/// gradient; one call of a fused kernel for the decayed range and one for the rest.
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
    /// <summary>The moments.</summary>
    public IReadOnlyList<StateBuffer> State(Func<ParameterSpec, bool> covers) => [new("exp_avg", firstMoment, covers), new("exp_avg_sq", secondMoment, covers)];

    /// <summary>Updates values [from, to) of the master, the decayed ones among them with decay; true: of the working copy as well.</summary>
    public bool Update(long from, long to, long step, double learningRate, double beta1, Tensor scale, Tensor skip)
    {
        using var scope = NewDisposeScope();
        var (decayed, renewed) = (Math.Clamp(parameters.DecayedSize, from, to), true);
        foreach (var (first, end, decay) in new[] { (from, decayed, config.WeightDecay), (decayed, to, 0) })
        {
            if (first == end) continue;
            Tensor Range(Tensor buffer, long offset) => buffer.narrow(0, first - offset, end - first);
            var update = new AdamStep(learningRate, beta1, config.Beta2, decay, config.Epsilon, step, Decoupled: config.Name != "adam");
            var (weights, gradient, working) = (Range(parameters.Master, 0), Range(parameters.Gradient!, 0), Range(parameters.Working, 0));
            renewed &= parameters.Kernels.Adam(update, new(weights, gradient, Range(firstMoment, start), Range(secondMoment, start), working), scale, skip);
        }

        return renewed;
    }

    public void Dispose()
    {
        firstMoment.Dispose();
        secondMoment.Dispose();
    }
}
