using Dtt.Core.Configuration;
using Dtt.Core.Models;
using Dtt.Training.Collectives;
using Dtt.Training.Model;
using Dtt.Training.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Optimizers;

/// <summary>
/// Muon (Jordan et al. 2024): the momentum of each hidden matrix is made nearly orthogonal before it is applied; query, key, value and the like each on their
/// own. Embeddings, head, norms and biases are AdamW's. An update has the size of AdamW's (Liu et al. 2025, arXiv:2502.16982, equation 4), so one learning
/// rate serves both.
/// </summary>
internal sealed class Muon : Optimizer
{
    private const int NewtonSchulzSteps = 5;
    private const double A = 3.4445, B = -4.7750, C = 2.0315;
    private const double Smallest = 1e-7, RootMeanSquare = 0.2;
    private readonly OptimizerConfig _config;
    private readonly ParameterSpec[] _hidden;
    private readonly Tensor _momentum;
    private readonly AdamRange _others;

    /// <summary>An optimizer at rest.</summary>
    public Muon(OptimizerConfig config, FlatParameters parameters, ICollective? shared) : base(parameters, shared, wholeMatrices: true)
    {
        (_config, _momentum) = (config, NewState());
        _hidden = [.. parameters.Table.Where(w => IsHidden(w) && parameters.RangeOf(parameters[w.Name]).From is var at && at >= From && at < To)];
        _others = new AdamRange(config, parameters, From, _momentum, NewState());
    }

    protected override IReadOnlyList<StateBuffer> State => [new("momentum_buffer", _momentum, IsHidden), .. _others.State(w => !IsHidden(w))];

    public override void Dispose()
    {
        _others.Dispose();
        base.Dispose();
    }

    /// <summary>(m, n) → (m, n): about U Vᵀ of its singular value decomposition, by a quintic Newton–Schulz iteration.</summary>
    internal static Tensor Orthogonalize(Tensor matrix)
    {
        using Scalar a = A.ToScalar(), b = B.ToScalar(), c = C.ToScalar(), smallest = Smallest.ToScalar();
        var wide = matrix.shape[0] <= matrix.shape[1];
        var x = wide ? matrix : matrix.t();                                         // (short, long)
        x = x.div(x.norm().clamp_min(smallest));
        for (var i = 0; i < NewtonSchulzSteps; i++)
        {
            var gram = x.matmul(x.t());                                             // (short, short)
            x = x.mul(a).add_(gram.mul(b).add_(gram.matmul(gram), c).matmul(x), Number.One);
        }

        return wide ? x : x.t();
    }

    private static bool IsHidden(ParameterSpec weight) => weight.Role == ParameterRole.Hidden;

    protected override bool Update(long step, double learningRate, double momentum, Tensor scale, Tensor skip)
    {
        _others.Update(Math.Clamp(Parameters.HiddenSize, From, To), To, step, learningRate, _config.Beta1, scale, skip);
        using Scalar shrink = (1 - learningRate * _config.WeightDecay).ToScalar(), fresh = (1 - momentum).ToScalar(), beta = momentum.ToScalar();
        var skipped = skip.to(ScalarType.Bool);                                     // (): then each value is written over itself
        foreach (var weight in _hidden)
        {
            using var scope = NewDisposeScope();
            var gradient = Parameters.ViewOf(weight.Name, Parameters.Gradient!).div(scale);
            var (average, master) = (Parameters.ViewOf(weight.Name, _momentum, From), Parameters.ViewOf(weight.Name, Parameters.Master));
            average.copy_(where(skipped, average, average.mul(beta).add_(gradient, fresh)));
            var direction = _config.Nesterov ? gradient.mul_(fresh).add_(average, beta) : average;
            var updated = master.mul(shrink);
            var from = 0L;
            foreach (var rows in weight.Parts)
            {
                var update = Orthogonalize(direction.narrow(0, from, rows).to(Parameters.Working.dtype));
                using var rate = (-learningRate * RootMeanSquare * Math.Sqrt(Math.Max(rows, weight.Shape[1]))).ToScalar();
                updated.narrow(0, from, rows).add_(update.to(ScalarType.Float32), rate);
                from += rows;
            }

            master.copy_(where(skipped, master, updated));
        }

        return false;
    }
}
