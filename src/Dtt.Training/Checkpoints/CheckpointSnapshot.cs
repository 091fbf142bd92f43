using Dtt.Training.Model;
using Dtt.Training.Native;
using Dtt.Training.Optimizers;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Checkpoints;

/// <summary>
/// The weights and the optimizer's state of one step in host memory: what a checkpoint is written from while training goes on. Its buffers live as long as
/// the attempt, so that only the first copy waits for memory.
/// </summary>
internal sealed class CheckpointSnapshot : IDisposable
{
    private readonly FlatParameters _parameters;
    private readonly Tensor _master;
    private readonly OptimizerState _state;
    private readonly List<nint> _pinned = [];

    /// <summary>Buffers that hold nothing yet; not made within a dispose scope, which they outlive.</summary>
    /// <param name="parameters">The weights.</param>
    /// <param name="state">The optimizer's whole state, for its shape.</param>
    public CheckpointSnapshot(FlatParameters parameters, OptimizerState state)
    {
        (_parameters, _master, _state) = (parameters, empty(parameters.Size, dtype: ScalarType.Float32, device: CPU), state.BlankOnHost());
        Weights = [.. parameters.Named(_master)];
        State = [.. _state.Tensors()];
        if (!IsOfGpu) return;
        foreach (var buffer in _state.Buffers.Values.Append(_master)) // in place: torch's own pinned memory is rounded up to powers of two
        {
            if (CudaRuntime.Loaded.TryPin(TensorMemory.AddressOf(buffer), buffer.numel() * buffer.element_size())) _pinned.Add(TensorMemory.AddressOf(buffer));
        }
    }

    /// <summary>Every weight by name, fp32, unpadded.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> Weights { get; }

    /// <summary>Every part of the optimizer's state by name, fp32, unpadded.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> State { get; }

    /// <summary>Whether training, on a GPU, leaves the cores to others.</summary>
    public bool IsOfGpu => _parameters.Master.device.type == DeviceType.CUDA;

    /// <summary>Copies the weights as they are now, and the optimizer's whole state.</summary>
    public void Capture(OptimizerState state)
    {
        using var noGrad = no_grad();
        _master.copy_(_parameters.Master);
        _state.CopyFrom(state);
    }

    public void Dispose()
    {
        foreach (var address in _pinned) CudaRuntime.Loaded.Unpin(address);
        foreach (var (_, tensor) in Weights.Concat(State)) tensor.Dispose();
        _master.Dispose();
        _state.Dispose();
    }
}
