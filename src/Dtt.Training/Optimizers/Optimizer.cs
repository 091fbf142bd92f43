using Dtt.Core.Configuration;
using Dtt.Core.Models;
using Dtt.Training.Collectives;
using Dtt.Training.Model;
using Dtt.Training.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Optimizers;

/// <summary>
/// One update of the flat master weights from the step's gradient. Clipping is folded in: kernels divide gradients by a scale. From the first gradient that
/// is not finite on they leave everything as it is, by a flag on the device: when the host sees the norm, later steps may be queued already. With a
/// collective, each rank holds the state of its share of the weights, updates that, and gets the rest from the others (ZeRO stage 1, Rajbhandari et al.
/// 2020, arXiv:1910.02054, section 5.1).
/// </summary>
internal abstract class Optimizer : IDisposable
{
    private readonly ICollective? _shared;
    private readonly IReadOnlyList<long> _cuts;
    private readonly Tensor _halted;

    /// <summary>An optimizer of all weights, or of one rank's share of them.</summary>
    /// <param name="parameters">The weights.</param>
    /// <param name="shared">With whom the state is shared; null: this rank has all of it.</param>
    /// <param name="wholeMatrices">Whether shares end between the blocks' matrices, not within them.</param>
    protected Optimizer(FlatParameters parameters, ICollective? shared, bool wholeMatrices = false)
    {
        (Parameters, _shared) = (parameters, shared);
        _cuts = ICollective.EvenCuts(parameters.Size, shared?.WorldSize ?? 1);
        if (wholeMatrices) _cuts = [.. _cuts.Select(parameters.BetweenMatrices)];
        (From, To) = (_cuts[shared?.Rank ?? 0], _cuts[(shared?.Rank ?? 0) + 1]);
        using var scope = NewDisposeScope();
        _halted = zeros([], dtype: ScalarType.Float32, device: parameters.Master.device).DetachFromDisposeScope();
    }

    /// <summary>The optimizer of a configuration, with an empty state.</summary>
    public static Optimizer Of(OptimizerConfig config, FlatParameters parameters, ICollective? shared = null) => config.Name switch
    {
        "adamw" or "adam" => new Adam(config, parameters, shared),
        "sgd" => new Sgd(config, parameters, shared),
        "muon" => new Muon(config, parameters, shared),
        _ => throw new ArgumentException($"there is no optimizer '{config.Name}'.", nameof(config)),
    };

    /// <summary>The weights.</summary>
    protected FlatParameters Parameters { get; }

    /// <summary>The first value that this rank updates.</summary>
    protected long From { get; }

    /// <summary>The value after the last one that it updates.</summary>
    protected long To { get; }

    /// <summary>The state: one value for each of the values [From, To).</summary>
    protected abstract IReadOnlyList<StateBuffer> State { get; }

    /// <summary>Sums this rank's share of the gradient over all ranks; nothing when the state is not shared.</summary>
    public void ReduceScatter() => _shared?.ReduceScatter(Parameters.Gradient!, _cuts);

    /// <summary>One update; clears the gradient.</summary>
    /// <param name="step">Which update this is, from 1: it sets Adam's bias correction.</param>
    /// <param name="learningRate">The rate.</param>
    /// <param name="momentum">Adam's β₁, or the momentum, of this step (schedules may cycle it).</param>
    /// <param name="clip">Largest 2-norm of the gradient; 0: no clipping.</param>
    /// <returns>
    /// () fp32: the gradient's 2-norm before clipping. Not finite: neither this update nor any later one is applied, and the gradient's values stay until
    /// the next backward.
    /// </returns>
    public Tensor Step(long step, double learningRate, double momentum, double clip)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var norm = Norm(Parameters.Gradient!);
        using var limit = (clip > 0 ? clip : double.PositiveInfinity).ToScalar();
        var scale = norm.div(limit).clamp_min(Number.One);                           // divides gradients: norm ÷ clip when above it
        _halted.logical_or_(norm.isfinite().logical_not());
        var renewed = Update(step, learningRate, momentum, scale, skip: _halted);
        _shared?.AllGather(Parameters.Master, _cuts);
        Parameters.ClearGradient();
        if (!renewed || _shared is not null) Parameters.MasterChanged();
        return norm.MoveToOuterDisposeScope();
    }

    /// <summary>The whole state, by name and weight; every rank of a shared one calls this at the same time.</summary>
    public OptimizerState Gather() => Whole((whole, mine) =>
    {
        whole.narrow(0, From, To - From).copy_(mine);
        _shared!.AllGather(whole, _cuts);
    });

    /// <summary>Tensors to read the whole state into.</summary>
    public OptimizerState Blank() => Whole((_, _) => { });

    /// <summary>Copies a state that was read into <see cref="Blank"/>.</summary>
    public void Restore(OptimizerState state)
    {
        if (_shared is null) return;
        using var noGrad = no_grad();
        foreach (var buffer in State) buffer.Values.copy_(state.Buffers[buffer.Values].narrow(0, From, To - From));
    }

    /// <summary>Frees the state.</summary>
    public virtual void Dispose() => _halted.Dispose();

    /// <summary>Updates this rank's master values from gradient ÷ <paramref name="scale"/>, unless <paramref name="skip"/> is 1.</summary>
    /// <returns>Whether the working copy has them, too.</returns>
    protected abstract bool Update(long step, double learningRate, double momentum, Tensor scale, Tensor skip);

    /// <summary>(To − From) fp32 zeros beside the master.</summary>
    protected Tensor NewState()
    {
        using var scope = NewDisposeScope();
        return zeros(To - From, dtype: ScalarType.Float32, device: Parameters.Master.device).DetachFromDisposeScope();
    }

    /// <summary>The gradient's 2-norm, (): of a scattered one each rank has its share.</summary>
    private Tensor Norm(Tensor gradient)
    {
        if (_shared is null) return gradient.norm();
        var squared = gradient.narrow(0, From, To - From).norm().square().view(1);
        _shared.AllReduce(squared);
        return squared.sqrt().view([]);
    }

    private OptimizerState Whole(Action<Tensor, Tensor> fill)
    {
        using var noGrad = no_grad();
        var buffers = new Dictionary<Tensor, Tensor>(ReferenceEqualityComparer.Instance);
        foreach (var buffer in State.DistinctBy(s => s.Values))
        {
            if (_shared is null)
            {
                buffers[buffer.Values] = buffer.Values;
                continue;
            }

            using var scope = NewDisposeScope();
            var whole = buffers[buffer.Values] = zeros_like(Parameters.Master).DetachFromDisposeScope();
            fill(whole, buffer.Values);
        }

        return new OptimizerState(Parameters, State, buffers);
    }
}

/// <summary>One kind of state.</summary>
/// <param name="Name">Its name in checkpoints, before the weight's.</param>
/// <param name="Values">(To − From) fp32.</param>
/// <param name="Covers">Which weights have it.</param>
internal sealed record StateBuffer(string Name, Tensor Values, Func<ParameterSpec, bool> Covers);
