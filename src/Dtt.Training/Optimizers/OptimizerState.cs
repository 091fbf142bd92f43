using Dtt.Training.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Optimizers;

/// <summary>An optimizer's whole state: the optimizer's own buffers, or copies gathered from all ranks.</summary>
internal sealed class OptimizerState(FlatParameters parameters, IReadOnlyList<StateBuffer> kinds, Dictionary<Tensor, Tensor> buffers) : IDisposable
{
    /// <summary>The whole buffer of each of this rank's.</summary>
    public IReadOnlyDictionary<Tensor, Tensor> Buffers => buffers;

    /// <summary>Every weight's state by name, unpadded: views that the caller disposes.</summary>
    public IEnumerable<(string Name, Tensor View)> Tensors() => parameters.Table
        .SelectMany(weight => kinds.Where(k => k.Covers(weight)).Select(k => ($"{k.Name}.{weight.Name}", parameters.ViewOf(weight.Name, buffers[k.Values]))));

    /// <summary>A copy in host memory.</summary>
    public OptimizerState ToHost()
    {
        using var scope = NewDisposeScope();
        var copies = new Dictionary<Tensor, Tensor>(ReferenceEqualityComparer.Instance);
        foreach (var (mine, whole) in buffers) copies[mine] = whole.to(DeviceType.CPU, copy: true).DetachFromDisposeScope();
        return new OptimizerState(parameters, kinds, copies);
    }

    public void Dispose()
    {
        foreach (var (mine, whole) in buffers)
        {
            if (!ReferenceEquals(mine, whole)) whole.Dispose();
        }
    }
}
