using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Torch;

/// <summary>One operation at a time differentiated by torch.</summary>
internal static class Graph
{
    /// <summary>Computes a function; with <paramref name="save"/>, saves its inputs, as leaves of a graph, and its output.</summary>
    public static (Tensor Output, Saved? Saved) Forward(bool save, Func<Tensor[], Tensor> function, params Tensor[] inputs)
    {
        if (!save) return (function(inputs), null);
        Tensor[] leaves = [.. inputs.Select(input => input.detach().requires_grad_())];
        Tensor output;
        using (enable_grad()) output = function(leaves);
        return (output.detach(), new Saved([.. leaves, output]));
    }

    /// <summary>The gradients of all inputs, of that of the output.</summary>
    public static Tensor[] Backward(Tensor gradient, Saved saved)
    {
        autograd.backward([saved.Tensors[^1]], [gradient]);
        return [.. saved.Tensors[..^1].Select(leaf => leaf.grad!)];
    }
}
