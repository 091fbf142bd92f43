using Dtt.Training.Kernels;
using Dtt.Training.Kernels.Torch;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Model;

/// <summary>
/// What a chain of operations needs to run backward. Each operation is one of the device's kernels, with a backward step that puts the weights' gradients where
/// they belong, or any function, which torch's autograd differentiates by itself. What an operation saved is freed as soon as its own backward is done.
/// Shapes: N = B T rows.
/// </summary>
/// <param name="parameters">The weights.</param>
/// <param name="save">Whether backward will be run; else operations only compute.</param>
internal sealed class Tape(FlatParameters parameters, bool save = true) : IDisposable
{
    private readonly HashSet<Tensor> _saved = new(ReferenceEqualityComparer.Instance);
    private List<Step> _steps = [];

    /// <summary>x + half(x).</summary>
    public Tensor Residual(Tensor x, Func<Tensor, Tensor> half)
    {
        var before = _steps;
        var steps = _steps = [];
        var y = half(x);
        _steps = before;
        Record(gradient => Through(steps, gradient).add_(gradient, Number.One));
        return x.add(y, Number.One);
    }

    /// <summary>Each part of the last dimension by a function of its own: (…, W) → (…, W).</summary>
    /// <param name="x">The input.</param>
    /// <param name="parts">Widths whose sum is W, and what is done with (…, width) → (…, width); null: nothing.</param>
    public Tensor Parts(Tensor x, IReadOnlyList<(long Width, Func<Tensor, Tensor>? Function)> parts)
    {
        var before = _steps;
        var steps = new List<Step>[parts.Count];
        long[] widths = [.. parts.Select(p => p.Width)];
        Tensor Each(Tensor whole, Func<int, Tensor, Tensor> of) => cat([.. whole.split(widths, -1).Select((part, i) => of(i, part))], -1);
        var y = Each(x, (i, part) =>
        {
            _steps = steps[i] = [];
            return parts[i].Function?.Invoke(part) ?? part;
        });
        _steps = before;
        Record(gradient => Each(gradient, (i, part) => Through(steps[i], part)));
        return y;
    }

    /// <summary>The same values in another shape.</summary>
    public Tensor View(Tensor x, params long[] shape)
    {
        var before = x.shape;
        Record(gradient => gradient.reshape(before));
        return x.reshape(shape);
    }

    /// <summary>x Wᵀ + b: (…, in), (out, in), (out) or null → (…, out).</summary>
    public Tensor Linear(Tensor x, Tensor weight, Tensor? bias = null)
    {
        var rows = x.reshape(-1, x.shape[^1]);                                                     // (N, in)
        Record(gradient =>
        {
            var d = gradient.reshape(-1, weight.shape[0]).contiguous();                            // (N, out)
            return parameters.Kernels.LinearBackward(d, rows, weight, parameters.SumOf(weight), SumOf(bias)).view([.. gradient.shape[..^1], weight.shape[1]]);
        }, rows);
        return parameters.Kernels.Linear(rows, weight, bias).view([.. x.shape[..^1], weight.shape[0]]);
    }

    /// <summary>LayerNorm, or without a bias RMSNorm, over the last dimension: (…, C), (C), (C) or null → (…, C).</summary>
    public Tensor Norm(Tensor x, Tensor gain, Tensor? bias, double epsilon) =>
        Recorded(parameters.Kernels.Norm(x, gain, bias, epsilon, save), (gradient, saved) =>
            parameters.Kernels.NormBackward(gradient, saved, gain, parameters.SumOf(gain), SumOf(bias)));

    /// <summary>GPT-2's GELU: (…) → (…).</summary>
    public Tensor TanhGelu(Tensor x) => Recorded(parameters.Kernels.TanhGelu(x, save), parameters.Kernels.TanhGeluBackward);

    /// <summary>A SwiGLU layer's gate, silu of the first half of the last dimension times the second: (…, 2 M) → (…, M).</summary>
    public Tensor SwiGlu(Tensor x) => Recorded(parameters.Kernels.SwiGlu(x, save), parameters.Kernels.SwiGluBackward);

    /// <summary>Attention of whole sequences: queries, keys and values side by side (B, T, (nh + 2 nkv) hs) → (B, T, nh hs).</summary>
    public Tensor Attention(Tensor heads, AttentionShape shape, Documents? documents, double dropout) =>
        Recorded(parameters.Kernels.Attention(heads, shape, documents, dropout, save), parameters.Kernels.AttentionBackward);

    /// <summary>Anything else, without weights, differentiated by torch.</summary>
    public Tensor Of(Tensor x, Func<Tensor, Tensor> function) =>
        Recorded(Graph.Forward(save, inputs => function(inputs[0]), x), (gradient, saved) => Graph.Backward(gradient, saved)[0]);

    /// <summary>The gradient with respect to the chain's input, given that with respect to its output; adds those of all weights.</summary>
    public Tensor Backward(Tensor gradient) => Through(_steps, gradient);

    public void Dispose()
    {
        foreach (var tensor in _saved) tensor.Dispose();
        _saved.Clear();
        _steps.Clear();
    }

    private GradientSum? SumOf(Tensor? weight) => weight is null ? null : parameters.SumOf(weight);

    private Tensor Recorded((Tensor Output, Saved? Saved) forward, Func<Tensor, Saved, Tensor> backward)
    {
        if (forward.Saved is { } saved) Record(gradient => backward(gradient, saved), saved.Tensors);
        return forward.Output;
    }

    private void Record(Func<Tensor, Tensor> backward, params Tensor[] saved)
    {
        if (!save) return;
        foreach (var tensor in saved) _saved.Add(tensor.DetachFromDisposeScope());
        _steps.Add(new Step(backward, saved));
    }

    private Tensor Through(List<Step> steps, Tensor gradient)
    {
        var g = gradient;
        for (var i = steps.Count - 1; i >= 0; i--)
        {
            Tensor before;
            using (NewDisposeScope()) before = steps[i].Backward(g).MoveToOuterDisposeScope();
            foreach (var tensor in steps[i].Saved)
            {
                _saved.Remove(tensor);
                tensor.Dispose();
            }

            if (i < steps.Count - 1) g.Dispose();
            g = before;
        }

        steps.Clear();
        return g;
    }

    private sealed record Step(Func<Tensor, Tensor> Backward, Tensor[] Saved);
}
