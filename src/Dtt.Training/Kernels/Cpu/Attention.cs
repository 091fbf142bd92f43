using System.Numerics;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cpu;

/// <summary>
/// softmax(Q Kᵀ ÷ √hs) V by batched products that save the softmax W for backward; for contexts of some hundreds of tokens that is faster than torch's fused
/// kernel (measured: docs/log.md).
/// Stretches of about the same length D are multiplied together, the shorter ones with zeros at their ends, which no causal query sees and whose gradients are
/// zero. A causal stretch may be cut into halves of S tokens: the first half's queries then never meet the second's keys, a quarter of the products. Queries
/// that share keys stand under each other, so that one product serves them all: with G = P N nkv, of N stretches in P pieces each, and R = S nh ÷ nkv, queries
/// are (G, R, hs), keys and values (G, S, hs), and the weights of a piece's queries for its own keys (G, R, S).
/// </summary>
internal static class Attention
{
    private const int LeastHalf = 64;   // shorter products cost more than what they leave out

    /// <summary>
    /// Queries, keys and values (B, T, (nh + 2 nkv) hs) → (B, T, nh hs), of which the tokens of the stretches are written, and what backward needs.
    /// </summary>
    public static (Tensor Output, SavedAttention Saved) Forward(Tensor heads, AttentionShape shape, IReadOnlyList<Stretch> stretches)
    {
        var type = heads.dtype;
        heads = Products.Operand(heads.contiguous());
        var (tokens, hs) = ((int)heads.shape[1], (int)heads.shape[2] / (shape.QueryHeads + 2 * shape.KeyHeads));
        var output = empty([heads.shape[0], tokens, shape.QueryHeads * hs], dtype: heads.dtype);
        SavedPieces[] pieces = [.. stretches.GroupBy(s => Padded(s.Tokens, tokens)).Select(group => Forward(heads, shape, [.. group], group.Key, hs, output))];
        return (output.to(type), new SavedAttention(shape, pieces));
    }

    /// <summary>The gradient (B, T, (nh + 2 nkv) hs) with respect to queries, keys and values of that with respect to the output.</summary>
    public static Tensor Backward(Tensor gradient, SavedAttention saved)
    {
        var (queryHeads, keyHeads) = (saved.Shape.QueryHeads, saved.Shape.KeyHeads);
        var dy = Products.Operand(gradient.contiguous());
        var result = empty([gradient.shape[0], gradient.shape[1], gradient.shape[2] / queryHeads * (queryHeads + 2 * keyHeads)], dtype: dy.dtype);
        foreach (var pieces in saved.Pieces) Backward(dy, pieces, saved.Shape, result);
        return result.to(gradient.dtype);
    }

    private static SavedPieces Forward(Tensor heads, AttentionShape shape, IReadOnlyList<Stretch> stretches, int length, int hs, Tensor output)
    {
        var (queryHeads, keyHeads) = (shape.QueryHeads, shape.KeyHeads);
        var halves = shape.Causal && length % (2 * IStorage.Lanes) == 0 && length >= 2 * LeastHalf;
        var layout = new HeadLayout(stretches, halves ? 2 : 1, halves ? length / 2 : length, hs);
        var shared = queryHeads / keyHeads;
        var q = layout.Split(heads, 0, queryHeads).view(-1, shared * layout.Tokens, hs);            // (G, R, hs)
        var k = layout.Split(heads, queryHeads, keyHeads);                                          // (G, S, hs)
        var v = layout.Split(heads, queryHeads + keyHeads, keyHeads);                               // (G, S, hs)
        var own = q.bmm(k.transpose(1, 2)).contiguous();                                            // (G, R, hs) (G, hs, S) -> (G, R, S)
        var earlier = halves ? Second(q).bmm(First(k).transpose(1, 2)).contiguous() : null;         // (G ÷ 2, R, S): the second half's, the first one's keys
        AttentionWeights.Softmax(own, earlier, shape.Causal, 1 / MathF.Sqrt(hs));
        var y = own.bmm(v);                                                                         // (G, R, S) (G, S, hs) -> (G, R, hs)
        if (earlier is not null) Add(Second(y), earlier, First(v));
        layout.Join(y, output, 0, queryHeads);
        return new SavedPieces(layout, q, k, v, own, earlier);
    }

    private static void Backward(Tensor gradient, SavedPieces saved, AttentionShape shape, Tensor result)
    {
        var (layout, q, k, v, own, earlier) = saved;
        var (queryHeads, keyHeads) = (shape.QueryHeads, shape.KeyHeads);
        var dy = layout.Split(gradient, 0, queryHeads).view(q.shape);                                // (G, R, hs)
        var ownGradient = dy.bmm(v.transpose(1, 2)).contiguous();                                    // (G, R, hs) (G, hs, S) -> (G, R, S)
        var earlierGradient = earlier is null ? null : Second(dy).bmm(First(v).transpose(1, 2)).contiguous();
        AttentionWeights.SoftmaxBackward(ownGradient, earlierGradient, own, earlier, shape.Causal, 1 / MathF.Sqrt(layout.HeadSize));
        var dq = ownGradient.bmm(k);                                                                 // (G, R, S) (G, S, hs) -> (G, R, hs)
        var dk = ownGradient.transpose(1, 2).bmm(q);                                                 // (G, S, R) (G, R, hs) -> (G, S, hs)
        var dv = own.transpose(1, 2).bmm(dy);                                                        // (G, S, R) (G, R, hs) -> (G, S, hs)
        if (earlier is not null)
        {
            Add(Second(dq), earlierGradient!, First(k));
            Add(First(dk), earlierGradient!.transpose(1, 2), Second(q));
            Add(First(dv), earlier.transpose(1, 2), Second(dy));
        }

        layout.Join(dq, result, 0, queryHeads);
        layout.Join(dk, result, queryHeads, keyHeads);
        layout.Join(dv, result, queryHeads + keyHeads, keyHeads);
    }

    /// <summary>
    /// D of a stretch: a power of two up to 16, then a multiple of 16 or of an eighth of the next power of two, so that stretches meet in few sizes and those
    /// from 128 on can be halved; a whole sequence's is its length.
    /// </summary>
    private static int Padded(int tokens, int sequence)
    {
        var size = (int)BitOperations.RoundUpToPowerOf2((uint)tokens);
        var step = size <= IStorage.Lanes ? size : Math.Max(IStorage.Lanes, size / 8);
        return Math.Min(sequence, (tokens + step - 1) / step * step);
    }

    private static Tensor First(Tensor halves) => halves.narrow(0, 0, halves.shape[0] / 2);

    private static Tensor Second(Tensor halves) => halves.narrow(0, halves.shape[0] / 2, halves.shape[0] / 2);

    private static void Add(Tensor sum, Tensor left, Tensor right) => sum.add_(left.bmm(right), Number.One);
}

/// <summary>
/// What attention's backward needs of stretches that were multiplied together: (G, R, hs), (G, S, hs) twice, the weights (G, R, S), and of two halves
/// (G ÷ 2, R, S).
/// </summary>
internal sealed record SavedPieces(HeadLayout Layout, Tensor Queries, Tensor Keys, Tensor Values, Tensor Own, Tensor? Earlier)
{
    /// <summary>All of them.</summary>
    public Tensor[] Tensors => Earlier is null ? [Queries, Keys, Values, Own] : [Queries, Keys, Values, Own, Earlier];
}

/// <summary>What attention's backward needs.</summary>
internal sealed record SavedAttention(AttentionShape Shape, IReadOnlyList<SavedPieces> Pieces) : Saved([.. Pieces.SelectMany(p => p.Tensors)]);
