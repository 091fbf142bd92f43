using System.Numerics;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cpu;

/// <summary>
/// softmax(Q Kᵀ ÷ √hs) V by batched products that save the softmax W for backward; for contexts of some hundreds of tokens that is faster than torch's fused
/// kernel (measured: docs/log.md).
/// Stretches of about the same length are multiplied together, the shorter ones with zeros at their ends, which no causal query sees and whose gradients are
/// zero; what is done between products is done for all of them at once. A causal stretch may be cut into halves of S tokens: the first half's queries then
/// never meet the second's keys, a quarter of the products. Queries that share keys stand under each other, so that one product serves them all: with
/// G = P N nkv, of N stretches in P pieces each, and R = S nh ÷ nkv, queries are (G, R, hs), keys and values (G, S, hs).
/// </summary>
internal static class Attention
{
    private const int LeastHalf = 64;   // shorter products cost more than what they leave out

    /// <summary>
    /// Queries, keys and values (B, T, (nh + 2 nkv) hs) → (B, T, nh hs), of which the tokens of the stretches are written, and what backward needs.
    /// </summary>
    public static (Tensor Output, SavedAttention Saved) Forward(Tensor heads, AttentionShape shape, IReadOnlyList<Stretch> stretches)
    {
        var (type, queryHeads, keyHeads) = (heads.dtype, shape.QueryHeads, shape.KeyHeads);
        heads = Products.Operand(heads.contiguous());
        var (tokens, hs) = ((int)heads.shape[1], (int)heads.shape[2] / (queryHeads + 2 * keyHeads));
        var output = empty([heads.shape[0], tokens, queryHeads * hs], dtype: heads.dtype);
        var layouts = stretches.GroupBy(s => Padded(s.Tokens, tokens)).Select(group => LayoutOf([.. group], group.Key, shape.Causal, hs));
        var shared = queryHeads / keyHeads;
        var parts = layouts.Select(l => (Layout: l, Q: l.Empty(heads, keyHeads, shared), K: l.Empty(heads, keyHeads), V: l.Empty(heads, keyHeads))).ToArray();
        HeadLayout.Split(parts.SelectMany(p => new HeadMove[]
        {
            new(p.Layout, heads, p.Q, 0), new(p.Layout, heads, p.K, queryHeads), new(p.Layout, heads, p.V, queryHeads + keyHeads),
        }));
        SavedPieces[] pieces = [.. parts.Select(p => new SavedPieces(p.Layout, p.Q, p.K, p.V, CausalProduct.Of(p.Q, p.K, p.Layout)))];
        AttentionWeights.Softmax([.. pieces.Select(p => p.Weights)], shape.Causal, 1 / MathF.Sqrt(hs));
        HeadLayout.Join(pieces.Select(p => new HeadMove(p.Layout, output, p.Weights.Times(p.Values), 0)));
        return (output.to(type), new SavedAttention(shape, pieces));
    }

    /// <summary>The gradient (B, T, (nh + 2 nkv) hs) with respect to queries, keys and values of that with respect to the output.</summary>
    public static Tensor Backward(Tensor gradient, SavedAttention saved)
    {
        var (queryHeads, keyHeads) = (saved.Shape.QueryHeads, saved.Shape.KeyHeads);
        var hs = (int)gradient.shape[2] / queryHeads;
        var whole = Products.Operand(gradient.contiguous());
        var result = empty([gradient.shape[0], gradient.shape[1], (queryHeads + 2 * keyHeads) * hs], dtype: whole.dtype);
        var dy = saved.Pieces.Select(p => p.Layout.Empty(whole, keyHeads, queryHeads / keyHeads)).ToArray();
        HeadLayout.Split(saved.Pieces.Zip(dy, (p, d) => new HeadMove(p.Layout, whole, d, 0)));
        var scores = saved.Pieces.Zip(dy, (p, d) => CausalProduct.Of(d, p.Values, p.Layout)).ToArray();
        AttentionWeights.SoftmaxBackward(scores, [.. saved.Pieces.Select(p => p.Weights)], saved.Shape.Causal, 1 / MathF.Sqrt(hs));
        HeadLayout.Join(saved.Pieces.Zip(scores, dy).SelectMany(part =>
        {
            var (p, s, d) = part;
            return new HeadMove[]
            {
                new(p.Layout, result, s.Times(p.Keys), 0),
                new(p.Layout, result, s.TransposedTimes(p.Queries), queryHeads),
                new(p.Layout, result, p.Weights.TransposedTimes(d), queryHeads + keyHeads),
            };
        }));
        return result.to(gradient.dtype);
    }

    private static HeadLayout LayoutOf(IReadOnlyList<Stretch> stretches, int length, bool causal, int hs)
    {
        var halves = causal && length % (2 * IStorage.Lanes) == 0 && length >= 2 * LeastHalf;
        return new HeadLayout(stretches, halves ? 2 : 1, halves ? length / 2 : length, hs);
    }

    /// <summary>
    /// What a stretch is filled up to: a power of two up to 16, then a multiple of 16 or of an eighth of the next power of two, so that stretches meet in few
    /// sizes and those from 128 on can be halved; a whole sequence's is its length.
    /// </summary>
    private static int Padded(int tokens, int sequence)
    {
        var size = (int)BitOperations.RoundUpToPowerOf2((uint)tokens);
        var step = size <= IStorage.Lanes ? size : Math.Max(IStorage.Lanes, size / 8);
        return Math.Min(sequence, (tokens + step - 1) / step * step);
    }
}

/// <summary>What attention's backward needs of stretches that were multiplied together: (G, R, hs), (G, S, hs) twice, and the weights.</summary>
internal sealed record SavedPieces(HeadLayout Layout, Tensor Queries, Tensor Keys, Tensor Values, CausalProduct Weights)
{
    /// <summary>All of them.</summary>
    public IEnumerable<Tensor> Tensors => [Queries, Keys, Values, .. Weights.Tensors];
}

/// <summary>What attention's backward needs.</summary>
internal sealed record SavedAttention(AttentionShape Shape, IReadOnlyList<SavedPieces> Pieces) : Saved([.. Pieces.SelectMany(p => p.Tensors)]);
