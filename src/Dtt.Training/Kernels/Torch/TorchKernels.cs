using Dtt.Core.Models;
using Dtt.Training.Native;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Dtt.Training.Kernels.Torch;

/// <summary>Everything by torch's operations, on any device: what others are checked against, and what they derive from.</summary>
internal class TorchKernels(Device device) : IKernels
{
    public Device Device => device;

    public virtual string? Missing => null;

    public virtual int HeadRows(int ids) => ModelArithmetic.HeadRows(ids, onCpu: true);

    public virtual bool DecodesOnHost => false;

    public virtual Tensor Linear(Tensor x, Tensor weight, Tensor? bias = null) => F.linear(x, weight, bias);

    public virtual Tensor LinearBackward(Tensor gradient, Tensor x, Tensor weight, GradientSum weightSum, GradientSum? biasSum)
    {
        AddProduct(weightSum, gradient.t(), x);                                                    // (out, N) (N, in) -> (out, in)
        if (biasSum is { } sum) AddRows(sum, gradient);
        return Linear(gradient, weight.t());                                                       // (N, out) (out, in) -> (N, in)
    }

    public virtual (Tensor Output, Saved? Saved) Norm(Tensor x, Tensor gain, Tensor? bias, double epsilon, bool save)
    {
        if (bias is not null) return Graph.Forward(save, h => F.layer_norm(h[0], gain.shape, h[1], h[2], epsilon), x, gain, bias);
        return Graph.Forward(save, h =>
        {
            using var e = epsilon.ToScalar();
            var exact = h[0].to(ScalarType.Float32);
            return exact.mul(exact.square().mean([-1], keepdim: true).add(e, Number.One).rsqrt()).to(x.dtype).mul(h[1]);
        }, x, gain);
    }

    public virtual Tensor NormBackward(Tensor gradient, Saved saved, Tensor gain, GradientSum gainSum, GradientSum? biasSum)
    {
        var gradients = Graph.Backward(gradient, saved);
        AddGradient(gainSum, gradients[1]);
        if (biasSum is { } sum) AddGradient(sum, gradients[2]);
        return gradients[0];
    }

    public virtual (Tensor Output, Saved? Saved) TanhGelu(Tensor x, bool save) =>
        Graph.Forward(save, h => F.gelu(h[0], TorchSharp.Modules.GELU.Approximate.tanh), x);

    public virtual Tensor TanhGeluBackward(Tensor gradient, Saved saved) => Graph.Backward(gradient, saved)[0];

    public virtual (Tensor Output, Saved? Saved) SwiGlu(Tensor x, bool save) => Graph.Forward(save, h =>
    {
        var halves = h[0].chunk(2, -1);
        return F.silu(halves[0]).mul(halves[1]);
    }, x);

    public virtual Tensor SwiGluBackward(Tensor gradient, Saved saved) => Graph.Backward(gradient, saved)[0];

    public virtual (Tensor Output, Saved? Saved) Attention(Tensor heads, AttentionShape shape, Documents? documents, double dropout, bool save) =>
        Graph.Forward(save, h =>
    {
        // One split: its backward writes the gradient once, that of three selections fills and adds it three times.
        var (all, queries, keys) = (shape.QueryHeads + 2 * shape.KeyHeads, shape.QueryHeads, shape.KeyHeads);
        var parts = h[0].view(heads.shape[0], heads.shape[1], all, -1).split([queries, keys, keys], 2);
        Tensor PerHead(Tensor part) => part.transpose(1, 2);                                      // (B, T, n, hs) -> (B, n, T, hs)
        return Attend(PerHead(parts[0]), PerHead(parts[1]), PerHead(parts[2]), shape, documents?.Mask, dropout);
    }, heads);

    public virtual Tensor AttentionBackward(Tensor gradient, Saved saved) => Graph.Backward(gradient, saved)[0];

    public Tensor CachedAttention(Tensor queries, Tensor keys, Tensor values, AttentionShape shape) =>
        Attend(queries, keys, values, shape, mask: null, dropout: 0);

    public virtual Tensor CrossEntropyInPlace(Tensor logits, Tensor targets, int ids, double scale)
    {
        using var factor = scale.ToScalar();
        targets = targets.unsqueeze(1);
        logits.narrow(1, ids, logits.shape[1] - ids).fill_(Number.NegativeInfinity);
        var logProbabilities = logits.log_softmax(1, ScalarType.Float32);
        var loss = logProbabilities.gather(1, targets).sum().neg_();
        var gradient = logProbabilities.exp_();
        gradient.scatter_add_(1, targets, full_like(targets, Number.MinusOne, dtype: ScalarType.Float32));
        logits.copy_(gradient.mul_(factor));
        return loss;
    }

    public virtual void AddGradient(GradientSum sum, Tensor gradient) => _ = sum.IsFirst ? sum.Values.copy_(gradient) : sum.Values.add_(gradient, Number.One);

    public virtual void AddEmbeddingGradient(Tensor sum, Tensor ids, Tensor rows) => sum.index_add_(0, ids, rows, Number.One);

    public virtual bool Adam(AdamStep step, AdamValues values, Tensor scale, Tensor skip)
    {
        TorchAdam.Apply(step, values, scale, skip);
        return false;
    }

    public virtual double? MatmulPeak(ScalarType type) => null;

    /// <summary>Adds left · right, (out, N) (N, in), to (out, in); in fp32 in place.</summary>
    protected virtual void AddProduct(GradientSum sum, Tensor left, Tensor right)
    {
        if (left.dtype == ScalarType.Float32)
        {
            sum.Values.addmm_(left, right, beta: sum.IsFirst ? 0 : 1, alpha: 1);
            return;
        }

        using var product = left.matmul(right);
        AddGradient(sum, product);
    }

    /// <summary>Adds the sum of all rows, (N, C), contiguous, to (C).</summary>
    protected virtual void AddRows(GradientSum sum, Tensor rows)
    {
        using var total = rows.sum(dim: 0, type: ScalarType.Float32);
        AddGradient(sum, total);
    }

    /// <summary>
    /// Attention of the last T of S + T tokens: (B, nh, T, hs), (B, nh, S + T, hs) twice → (B, nh, T, hs). A mask, (B, 1, T, S + T) bool, says all that a query
    /// sees.
    /// </summary>
    protected virtual Tensor AttendPerHead(Tensor q, Tensor k, Tensor v, AttentionShape shape, Tensor? mask, double dropout)
    {
        var past = k.shape[2] - q.shape[2];                                                        // S
        if (q.shape[2] == 1) return OfOneToken(q, k, v, mask, dropout);
        var causal = shape.Causal && mask is null;
        return shape.Flash && PrefersFlash(k) && (!causal || past == 0)                            // the fused kernel's mask counts from the first key
            ? F.scaled_dot_product_attention(q, k, v, mask, dropout, is_casual: causal)
            : ByProducts(q, k, v, causal, mask, dropout);
    }

    /// <summary>Whether torch's fused attention is faster than plain products for these keys, (B, nh, S + T, hs).</summary>
    protected virtual bool PrefersFlash(Tensor keys) => true;

    private Tensor Attend(Tensor q, Tensor k, Tensor v, AttentionShape shape, Tensor? mask, double dropout)
    {
        var group = shape.QueryHeads / shape.KeyHeads;
        var y = AttendPerHead(q, Repeated(k, group), Repeated(v, group), shape, mask, dropout);
        return y.transpose(1, 2).reshape(q.shape[0], q.shape[2], -1);                              // (B, nh, T, hs) -> (B, T, nh hs)
    }

    /// <summary>(B, nkv, S, hs) → (B, nh, S, hs): every head of keys or values serves a group of queries.</summary>
    private static Tensor Repeated(Tensor x, long group) =>
        group == 1 ? x : x.unsqueeze(2).expand(x.shape[0], x.shape[1], group, x.shape[2], x.shape[3]).reshape(x.shape[0], -1, x.shape[2], x.shape[3]);

    /// <summary>
    /// One token, which sees all keys: in fp32 (on a GPU TF32), by products. On a GPU torch's fused kernel is made anew for each number of keys, which took
    /// 75 ms a token (docs/log.md).
    /// </summary>
    private static Tensor OfOneToken(Tensor q, Tensor k, Tensor v, Tensor? mask, double dropout) =>
        ByProducts(q.to(ScalarType.Float32), k.to(ScalarType.Float32), v.to(ScalarType.Float32), causal: false, mask, dropout).to(q.dtype);

    private static Tensor ByProducts(Tensor q, Tensor k, Tensor v, bool causal, Tensor? mask, double dropout)
    {
        using var scale = (1 / Math.Sqrt(q.shape[3])).ToScalar();
        var scores = q.mul(scale).matmul(k.transpose(-2, -1));                                     // (B, nh, T, S + T)
        if (causal)
        {
            var future = full_like(scores[0, 0], Number.NegativeInfinity).triu_(k.shape[2] - q.shape[2] + 1);   // (T, S + T)
            scores = scores.add_(future, Number.One);
        }

        if (mask is not null) scores = scores.masked_fill_(mask.logical_not(), Number.NegativeInfinity);

        var weights = scores.softmax(-1);
        return (dropout == 0 ? weights : F.dropout(weights, dropout, training: true)).matmul(v);
    }
}
