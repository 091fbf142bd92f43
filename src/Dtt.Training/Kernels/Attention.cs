using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels;

/// <summary>
/// softmax(Q Kᵀ ÷ √hs) V on a CPU by batched products that keep the softmax P for backward; for contexts of some hundreds of tokens that is faster than torch's fused kernel (measured: docs/log.md).
/// A group of query heads shares a head of keys and values: its rows stand under each other, so that one product serves them all. G = B nkv, R = T nh ÷ nkv.
/// </summary>
internal static unsafe class Attention
{
    private const int Lanes = IStorage.Lanes;

    /// <summary>Queries, keys and values (B, T, (nh + 2 nkv) hs) → (B, T, nh hs), and what <see cref="Backward"/> needs.</summary>
    public static (Tensor Output, Kept Kept) Forward(Tensor heads, int queryHeads, int keyHeads, bool causal)
    {
        var (b, t, hs) = (heads.shape[0], heads.shape[1], heads.shape[2] / (queryHeads + 2 * keyHeads));
        var parts = heads.view(b, t, -1, hs).transpose(1, 2);                                      // (B, nh + 2 nkv, T, hs)
        Tensor Rows(long first, long count) => parts.narrow(1, first, count).reshape(b * keyHeads, -1, hs);
        var (q, k, v) = (Rows(0, queryHeads), Rows(queryHeads, keyHeads), Rows(queryHeads + keyHeads, keyHeads));   // (G, R, hs), (G, T, hs) twice
        var p = q.bmm(k.transpose(1, 2)).contiguous();                                              // (G, R, hs) (G, hs, T) -> (G, R, T)
        var kept = new Kept(q, k, v, p, causal);
        OverRows(p, null, causal, hs);
        var y = p.bmm(v);                                                                           // (G, R, T) (G, T, hs) -> (G, R, hs)
        return (y.view(b, queryHeads, t, hs).transpose(1, 2).reshape(b, t, queryHeads * hs), kept);
    }

    /// <summary>The gradient (B, T, (nh + 2 nkv) hs) with respect to queries, keys and values of that with respect to the output.</summary>
    public static Tensor Backward(Kept kept, Tensor gradient)
    {
        var (q, k, v, p) = (kept.Queries, kept.Keys, kept.Values, kept.Weights);
        var (b, t, hs) = (gradient.shape[0], gradient.shape[1], q.shape[2]);
        var (queryHeads, keyHeads) = (gradient.shape[2] / hs, k.shape[0] / b);
        var dy = gradient.view(b, t, queryHeads, hs).transpose(1, 2).reshape(q.shape);              // (G, R, hs)
        var ds = dy.bmm(v.transpose(1, 2)).contiguous();                                            // (G, R, hs) (G, hs, T) -> (G, R, T)
        OverRows(ds, p, kept.Causal, hs);
        var result = empty([b, t, (queryHeads + 2 * keyHeads) * hs], dtype: gradient.dtype);
        var parts = result.view(b, t, -1, hs).transpose(1, 2);                                     // (B, nh + 2 nkv, T, hs)
        void Put(long first, long count, Tensor rows) => parts.narrow(1, first, count).copy_(rows.view(b, count, t, hs));
        Put(0, queryHeads, ds.bmm(k));                                                              // (G, R, T) (G, T, hs) -> (G, R, hs)
        Put(queryHeads, keyHeads, ds.transpose(1, 2).bmm(q));                                       // (G, T, R) (G, R, hs) -> (G, T, hs)
        Put(queryHeads + keyHeads, keyHeads, p.transpose(1, 2).bmm(dy));                            // (G, T, R) (G, R, hs) -> (G, T, hs)
        return result;
    }

    /// <summary>In place: scores → softmax(scores ÷ √hs), or, with the softmax, its gradient → that of the scores; what is in a row's future becomes 0.</summary>
    private static void OverRows(Tensor values, Tensor? weights, bool causal, long headSize)
    {
        var (columns, rows, scale) = ((int)values.shape[2], (int)(values.numel() / values.shape[2]), (float)(1 / Math.Sqrt(headSize)));
        var (x, p) = (TensorMemory.AddressOf(values), weights is null ? 0 : TensorMemory.AddressOf(weights));
        if (values.dtype == ScalarType.BFloat16) OverRows<Bf16>(x, p, rows, columns, causal, scale);
        else OverRows<Fp32>(x, p, rows, columns, causal, scale);
    }

    private static void OverRows<T>(nint x, nint p, int rows, int columns, bool causal, float scale) where T : IStorage => OpenMp.For(rows, (first, end) =>
    {
        var buffer = new float[columns + Lanes];
        fixed (float* scratch = buffer)
        {
            for (var row = first; row < end; row++)
            {
                var (at, seen) = ((long)row * columns * T.Size, causal ? row % columns + 1 : columns);
                if (p == 0) Softmax<T>((byte*)x + at, columns, seen, scale, scratch);
                else Slope<T>((byte*)x + at, (byte*)p + at, columns, seen, scale);
            }
        }
    });

    private static void Softmax<T>(void* x, int columns, int seen, float scale, float* scratch) where T : IStorage
    {
        // The vector in which the row's past ends is computed by itself, with −∞ for what comes after.
        var (whole, most) = (seen / Lanes * Lanes, Vector512.Create(float.NegativeInfinity));
        for (var c = 0; c < whole; c += Lanes)
        {
            var value = T.Load(x, c) * scale;
            most = Vector512.MaxNative(most, value);
            value.Store(scratch + c);
        }

        if (whole < seen)
        {
            var value = Vector512.ConditionalSelect(IsBefore(whole, seen), IStorage.LoadFew<T>(x, whole, columns - whole) * scale, Vector512.Create(float.NegativeInfinity));
            most = Vector512.MaxNative(most, value);
            value.Store(scratch + whole);
        }

        var max = float.NegativeInfinity;
        for (var i = 0; i < Lanes; i++) max = MathF.Max(max, most[i]);
        var (top, sums) = (Vector512.Create(max), Vector512<float>.Zero);
        for (var c = 0; c < seen; c += Lanes)
        {
            var e = VectorMath.Exp(Vector512.Load(scratch + c) - top);
            sums += e;
            e.Store(scratch + c);
        }

        var factor = Vector512.Create(1 / Vector512.Sum(sums));
        for (var c = 0; c < whole; c += Lanes) T.Store(Vector512.Load(scratch + c) * factor, x, c);
        Clear<T>(x, whole, columns);
        if (whole < seen) IStorage.StoreFew<T>(Vector512.Load(scratch + whole) * factor, x, whole, seen - whole);
    }

    /// <summary>dS = P ∘ (dP − Σ P ∘ dP) ÷ √hs; P is 0 where nothing is seen.</summary>
    private static void Slope<T>(void* d, void* p, int columns, int seen, float scale) where T : IStorage
    {
        var (whole, sums) = (seen / Lanes * Lanes, Vector512<float>.Zero);
        for (var c = 0; c < whole; c += Lanes) sums = Vector512.FusedMultiplyAdd(T.Load(p, c), T.Load(d, c), sums);
        Vector512<float> lastP = default, lastD = default;
        if (whole < seen) (lastP, lastD) = (IStorage.LoadFew<T>(p, whole, seen - whole), IStorage.LoadFew<T>(d, whole, seen - whole));
        var mean = Vector512.Create(Vector512.Sum(sums) + Vector512.Sum(lastP * lastD));
        for (var c = 0; c < whole; c += Lanes) T.Store(T.Load(p, c) * (T.Load(d, c) - mean) * scale, d, c);
        Clear<T>(d, whole, columns);
        if (whole < seen) IStorage.StoreFew<T>(lastP * (lastD - mean) * scale, d, whole, seen - whole);
    }

    private static void Clear<T>(void* x, int from, int to) where T : IStorage => Unsafe.InitBlockUnaligned((byte*)x + from * T.Size, 0, (uint)((to - from) * T.Size));

    private static Vector512<float> IsBefore(int at, int end) => Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(end - at)).AsSingle();

    /// <summary>What backward needs: (G, R, hs), (G, T, hs) twice, and P (G, R, T).</summary>
    internal sealed record Kept(Tensor Queries, Tensor Keys, Tensor Values, Tensor Weights, bool Causal);
}
