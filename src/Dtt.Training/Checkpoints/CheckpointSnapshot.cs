using Dtt.Training.Model;
using Dtt.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Checkpoints;

/// <summary>The weights and the optimizer's state of one step, copied to host memory: what a checkpoint is written from while training goes on.</summary>
internal sealed class CheckpointSnapshot : IDisposable
{
    private readonly Tensor _master;
    private readonly OptimizerState _state;

    private CheckpointSnapshot(FlatParameters parameters, Tensor master, OptimizerState state)
    {
        (_master, _state) = (master, state);
        Weights = [.. parameters.Named(master)];
        State = [.. state.Tensors()];
    }

    /// <summary>Every weight by name, fp32, unpadded.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> Weights { get; }

    /// <summary>Every part of the optimizer's state by name, fp32, unpadded.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> State { get; }

    /// <summary>Copies; not within a dispose scope, for the copy outlives it.</summary>
    /// <param name="parameters">The weights.</param>
    /// <param name="state">The optimizer's whole state.</param>
    public static CheckpointSnapshot Of(FlatParameters parameters, OptimizerState state)
    {
        using var noGrad = no_grad();
        return new CheckpointSnapshot(parameters, parameters.Master.to(DeviceType.CPU, copy: true), state.ToHost());
    }

    public void Dispose()
    {
        foreach (var (_, tensor) in Weights.Concat(State)) tensor.Dispose();
        _master.Dispose();
        _state.Dispose();
    }
}
