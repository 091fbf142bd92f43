using Dtt.Training.Kernels;
using Dtt.Training.Native;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Dtt.Training.Model;

/// <summary>
/// What a chain of operations needs to run backward. Matrix products and what costs most beside them have backward steps of their own, which put the weights' gradients where they belong and take the kernels
/// that are fastest; the rest is torch's autograd, an operation at a time. Every kept tensor goes as soon as its own backward is done.
/// Shapes: N = B T rows.
/// </summary>
internal sealed class Tape(FlatParameters? parameters) : IDisposable
{
    private readonly HashSet<Tensor> _kept = new(ReferenceEqualityComparer.Instance);
    private List<Step> _steps = [];

    /// <summary>Computes and keeps nothing.</summary>
    public static Tape None { get; } = new(null);

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
        var rows = Keep(x.reshape(-1, x.shape[^1]));                                               // (N, in)
        Record(gradient =>
        {
            var d = Products.Operand(gradient.reshape(-1, weight.shape[0]).contiguous());          // (N, out)
            parameters!.AddProduct(weight, d.t(), Products.Operand(rows));                          // (out, N) (N, in) -> (out, in)
            if (bias is not null) parameters.AddRows(bias, d);
            return Products.Linear(d, weight.t()).view([.. gradient.shape[..^1], weight.shape[1]]); // (N, out) (out, in) -> (N, in)
        }, rows);
        return Products.Linear(rows, weight, bias).view([.. x.shape[..^1], weight.shape[0]]);
    }

    /// <summary>LayerNorm over the last dimension: (…, C), (C), (C) → (…, C).</summary>
    public Tensor LayerNorm(Tensor x, Tensor gain, Tensor bias, double epsilon) =>
        RowNorm.Takes(x) ? RowNormed(x, gain, bias, epsilon) : Of(x, h => F.layer_norm(h, gain.shape, gain, bias, epsilon), gain, bias);

    /// <summary>x ÷ √(mean(x²) + ε) · gain over the last dimension, the mean in fp32 (Zhang and Sennrich 2019, arXiv:1910.07467, equation 4): (…, C), (C) → (…, C).</summary>
    public Tensor RmsNorm(Tensor x, Tensor gain, double epsilon) => RowNorm.Takes(x) ? RowNormed(x, gain, null, epsilon) : Of(x, h =>
    {
        using var e = epsilon.ToScalar();
        var wide = h.to(ScalarType.Float32);
        return wide.mul(wide.square().mean([-1], keepdim: true).add(e, Number.One).rsqrt()).to(h.dtype).mul(gain);
    }, gain);

    /// <summary>GPT-2's GELU: (…) → (…).</summary>
    public Tensor TanhGelu(Tensor x)
    {
        if (x.device_type != DeviceType.CPU) return Of(x, u => F.gelu(u, TorchSharp.Modules.GELU.Approximate.tanh));
        var input = Keep(x.contiguous().alias());
        Record(gradient => Gelu.Backward(input, gradient.contiguous()), input);
        return Gelu.Forward(input);
    }

    /// <summary>A SwiGLU layer's gate, silu of the first half of the last dimension times the second: (…, 2 M) → (…, M).</summary>
    public Tensor SwiGlu(Tensor x)
    {
        var m = x.shape[^1] / 2;
        if (!Kernels.SwiGlu.Takes(x)) return Of(x, h => F.silu(h.narrow(-1, 0, m)).mul(h.narrow(-1, m, m)));
        var input = Keep(x.contiguous().alias());
        Record(gradient => Kernels.SwiGlu.Backward(input, gradient.contiguous()), input);
        return Kernels.SwiGlu.Forward(input);
    }

    /// <summary>Attention of a short context on a CPU: queries, keys and values (B, T, (nh + 2 nkv) hs) → (B, T, nh hs).</summary>
    public Tensor ShortAttention(Tensor heads, int queryHeads, int keyHeads, bool causal)
    {
        var (y, kept) = Attention.Forward(heads, queryHeads, keyHeads, causal);
        Record(gradient => Attention.Backward(kept, gradient), [.. kept.Tensors.Select(Keep)]);
        return y;
    }

    /// <summary>Anything else, differentiated by torch.</summary>
    /// <param name="x">The input.</param>
    /// <param name="function">What to do with it.</param>
    /// <param name="weights">The weights that it uses.</param>
    public Tensor Of(Tensor x, Func<Tensor, Tensor> function, params Tensor[] weights)
    {
        if (parameters is null) return function(x);
        var input = Keep(x.detach());
        input.requires_grad = true;
        Tensor output;
        using (enable_grad()) output = Keep(function(input));
        Record(gradient =>
        {
            autograd.backward([output], [gradient]);
            parameters.GatherGradients(weights);
            return input.grad!;
        }, input, output);
        return output.detach();
    }

    /// <summary>The gradient with respect to the chain's input, given that with respect to its output; adds those of all weights.</summary>
    public Tensor Backward(Tensor gradient) => Through(_steps, gradient);

    public void Dispose()
    {
        foreach (var tensor in _kept) tensor.Dispose();
        _kept.Clear();
        _steps.Clear();
    }

    private Tensor RowNormed(Tensor x, Tensor gain, Tensor? bias, double epsilon)
    {
        var input = Keep(x.contiguous().alias());
        var (y, moments) = RowNorm.Forward(input, gain, bias, epsilon);
        Record(gradient =>
        {
            var (dx, dGain, dBias) = RowNorm.Backward(input, moments, gain, bias is not null, gradient.contiguous());
            parameters!.AddGradient(gain, dGain);
            if (dBias is not null) parameters.AddGradient(bias!, dBias);
            return dx;
        }, input, Keep(moments));
        return y;
    }

    private Tensor Through(List<Step> steps, Tensor gradient)
    {
        var g = gradient;
        for (var i = steps.Count - 1; i >= 0; i--)
        {
            Tensor before;
            using (NewDisposeScope()) before = steps[i].Backward(g).MoveToOuterDisposeScope();
            foreach (var tensor in steps[i].Kept)
            {
                _kept.Remove(tensor);
                tensor.Dispose();
            }

            if (i < steps.Count - 1) g.Dispose();
            g = before;
        }

        steps.Clear();
        return g;
    }

    private Tensor Keep(Tensor tensor)
    {
        if (parameters is not null) _kept.Add(tensor.DetachFromDisposeScope());
        return tensor;
    }

    private void Record(Func<Tensor, Tensor> backward, params Tensor[] kept)
    {
        if (parameters is not null) _steps.Add(new Step(backward, kept));
    }

    private sealed record Step(Func<Tensor, Tensor> Backward, Tensor[] Kept);
}
