using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cpu;

/// <summary>
/// softmax(Q Kᵀ ÷ √hs) V by batched products that save the softmax W for backward; for contexts of some hundreds of tokens that is faster than torch's fused
/// kernel (measured: docs/log.md).
/// A causal context may be cut into halves of S tokens: the first half's queries then never meet the second's keys, a quarter of the products. Queries that
/// share keys stand under each other, so that one product serves them all: with G = P B nkv, P the number of pieces, and R = S nh ÷ nkv, queries are
/// (G, R, hs), keys and values (G, S, hs), and the weights of a piece's queries for its own keys (G, R, S).
/// </summary>
internal static class Attention
{
    private const int LeastHalf = 64;   // shorter products cost more than what they leave out

    /// <summary>Queries, keys and values (B, T, (nh + 2 nkv) hs) → (B, T, nh hs), and what <see cref="Backward"/> needs.</summary>
    public static (Tensor Output, SavedAttention Saved) Forward(Tensor heads, AttentionShape shape)
    {
        var (queryHeads, keyHeads, causal) = (shape.QueryHeads, shape.KeyHeads, shape.Causal);
        var type = heads.dtype;
        heads = Products.Operand(heads.contiguous());
        var (b, t, hs) = ((int)heads.shape[0], (int)heads.shape[1], (int)heads.shape[2] / (queryHeads + 2 * keyHeads));
        var halves = causal && t % (2 * IStorage.Lanes) == 0 && t >= 2 * LeastHalf;
        var layout = new HeadLayout(b, halves ? 2 : 1, halves ? t / 2 : t, hs);
        var shared = queryHeads / keyHeads;
        var q = layout.Split(heads, 0, queryHeads).view(-1, shared * layout.Tokens, hs);            // (G, R, hs)
        var k = layout.Split(heads, queryHeads, keyHeads);                                          // (G, S, hs)
        var v = layout.Split(heads, queryHeads + keyHeads, keyHeads);                               // (G, S, hs)
        var own = q.bmm(k.transpose(1, 2)).contiguous();                                            // (G, R, hs) (G, hs, S) -> (G, R, S)
        var earlier = halves ? Second(q).bmm(First(k).transpose(1, 2)).contiguous() : null;         // (G ÷ 2, R, S): the second half's, the first one's keys
        AttentionWeights.Softmax(own, earlier, causal, 1 / MathF.Sqrt(hs));
        var y = own.bmm(v);                                                                         // (G, R, S) (G, S, hs) -> (G, R, hs)
        if (earlier is not null) Add(Second(y), earlier, First(v));
        var output = empty([b, t, queryHeads * hs], dtype: heads.dtype);
        layout.Join(y, output, 0, queryHeads);
        return (output.to(type), new SavedAttention(layout, q, k, v, own, earlier, causal));
    }

    /// <summary>The gradient (B, T, (nh + 2 nkv) hs) with respect to queries, keys and values of that with respect to the output.</summary>
    public static Tensor Backward(Tensor gradient, SavedAttention saved)
    {
        var (layout, q, k, v, own, earlier, causal) = saved;
        var hs = layout.HeadSize;
        var (queryHeads, keyHeads) = ((int)gradient.shape[2] / hs, (int)k.shape[0] / layout.Pieces / layout.Batch);
        var dy = layout.Split(Products.Operand(gradient.contiguous()), 0, queryHeads).view(q.shape); // (G, R, hs)
        var ownGradient = dy.bmm(v.transpose(1, 2)).contiguous();                                    // (G, R, hs) (G, hs, S) -> (G, R, S)
        var earlierGradient = earlier is null ? null : Second(dy).bmm(First(v).transpose(1, 2)).contiguous();
        AttentionWeights.SoftmaxBackward(ownGradient, earlierGradient, own, earlier, causal, 1 / MathF.Sqrt(hs));
        var dq = ownGradient.bmm(k);                                                                 // (G, R, S) (G, S, hs) -> (G, R, hs)
        var dk = ownGradient.transpose(1, 2).bmm(q);                                                 // (G, S, R) (G, R, hs) -> (G, S, hs)
        var dv = own.transpose(1, 2).bmm(dy);                                                        // (G, S, R) (G, R, hs) -> (G, S, hs)
        if (earlier is not null)
        {
            Add(Second(dq), earlierGradient!, First(k));
            Add(First(dk), earlierGradient!.transpose(1, 2), Second(q));
            Add(First(dv), earlier.transpose(1, 2), Second(dy));
        }

        var result = empty([gradient.shape[0], gradient.shape[1], (queryHeads + 2 * keyHeads) * hs], dtype: q.dtype);
        layout.Join(dq, result, 0, queryHeads);
        layout.Join(dk, result, queryHeads, keyHeads);
        layout.Join(dv, result, queryHeads + keyHeads, keyHeads);
        return result.to(gradient.dtype);
    }

    private static Tensor First(Tensor halves) => halves.narrow(0, 0, halves.shape[0] / 2);

    private static Tensor Second(Tensor halves) => halves.narrow(0, halves.shape[0] / 2, halves.shape[0] / 2);

    private static void Add(Tensor sum, Tensor left, Tensor right) => sum.add_(left.bmm(right), Number.One);
}

/// <summary>What attention's backward needs: (G, R, hs), (G, S, hs) twice, the weights (G, R, S), and of two halves (G ÷ 2, R, S).</summary>
internal sealed record SavedAttention(HeadLayout Layout, Tensor Queries, Tensor Keys, Tensor Values, Tensor Own, Tensor? Earlier, bool Causal)
    : Saved(Earlier is null ? [Queries, Keys, Values, Own] : [Queries, Keys, Values, Own, Earlier]);
