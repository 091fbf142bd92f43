using Dtt.Training.Model;
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

    /// <summary>Buffers of the same shape in host memory that hold nothing yet.</summary>
    public OptimizerState BlankOnHost()
    {
        using var scope = NewDisposeScope();
        var blank = new Dictionary<Tensor, Tensor>(ReferenceEqualityComparer.Instance);
        foreach (var (mine, whole) in buffers) blank[mine] = empty_like(whole, device: CPU).DetachFromDisposeScope();
        return new OptimizerState(parameters, kinds, blank);
    }

    /// <summary>Copies another state of the same optimizer.</summary>
    public void CopyFrom(OptimizerState other)
    {
        foreach (var (mine, whole) in buffers) whole.copy_(other.Buffers[mine]);
    }

    public void Dispose()
    {
        foreach (var (mine, whole) in buffers)
        {
            if (!ReferenceEquals(mine, whole)) whole.Dispose();
        }
    }
}
