using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cpu;

/// <summary>
/// Scores to weights and back, in place. A query's row is that of its own piece's keys, (G, R, S), causal within the piece; in the second half of a context cut
/// into halves it begins with one of the first half's keys, (G ÷ 2, R, S), all of which it sees.
/// </summary>
internal static unsafe class AttentionWeights
{
    private const int Lanes = IStorage.Lanes;

    /// <summary>Scores → softmax(scores × scale); what is in a query's future becomes 0.</summary>
    public static void Softmax(IReadOnlyList<CausalProduct> scores, bool causal, float scale) => OverRows(scores, null, causal, scale);

    /// <summary>The gradient with respect to the weights → that with respect to the scores: W ∘ (dW − Σ W ∘ dW) × scale.</summary>
    public static void SoftmaxBackward(IReadOnlyList<CausalProduct> gradients, IReadOnlyList<CausalProduct> weights, bool causal, float scale) =>
        OverRows(gradients, weights, causal, scale);

    private static void OverRows(IReadOnlyList<CausalProduct> scores, IReadOnlyList<CausalProduct>? weights, bool causal, float scale)
    {
        if (scores.Count == 0) return;
        var all = scores.Select((s, i) => new Rows(s, weights?[i])).ToArray();
        if (scores[0].Own.dtype == ScalarType.BFloat16) OverRows<Bf16>(all, causal, scale);
        else OverRows<Fp32>(all, causal, scale);
    }

    private static void OverRows<T>(Rows[] all, bool causal, float scale) where T : IStorage => OpenMp.Run((thread, threads) =>
    {
        fixed (float* scratch = new float[2 * all.Max(r => r.Columns) + Lanes])
        {
            foreach (var rows in all)
            {
                for (var row = OpenMp.Cut(rows.Count, thread, threads); row < OpenMp.Cut(rows.Count, thread + 1, threads); row++)
                    Row<T>(rows, row, causal, scale, scratch);
            }
        }
    });

    private static void Row<T>(Rows rows, int row, bool causal, float scale, float* scratch) where T : IStorage
    {
        var columns = rows.Columns;
        var (at, seen) = ((nint)row * columns * T.Size, causal ? row % columns + 1 : columns);
        var atBefore = (nint)(row - rows.FirstHalf) * columns * T.Size;
        var (past, pastWeights) = row < rows.FirstHalf ? (0, 0) : (rows.Before + atBefore, rows.WeightsBefore + atBefore);
        if (rows.Weights == 0) Softmax<T>((void*)past, (void*)(rows.Own + at), columns, seen, scale, scratch);
        else Backward<T>((void*)past, (void*)(rows.Own + at), (void*)pastWeights, (void*)(rows.Weights + at), columns, seen, scale);
    }

    private static void Softmax<T>(void* past, void* x, int columns, int seen, float scale, float* scratch) where T : IStorage
    {
        // The vector in which the row's past ends is computed by itself, with −∞ for what comes after.
        var (whole, before, most) = (seen / Lanes * Lanes, past == null ? 0 : columns, Vector512.Create(float.NegativeInfinity));
        for (var c = 0; c < before; c += Lanes)
        {
            var value = T.Load(past, c) * scale;
            most = Vector512.MaxNative(most, value);
            value.Store(scratch + c);
        }

        var own = scratch + before;
        for (var c = 0; c < whole; c += Lanes)
        {
            var value = T.Load(x, c) * scale;
            most = Vector512.MaxNative(most, value);
            value.Store(own + c);
        }

        if (whole < seen)
        {
            var value = Vector512.ConditionalSelect(IsBefore(whole, seen), LoadEnd<T>(x, whole, columns) * scale, Vector512.Create(float.NegativeInfinity));
            most = Vector512.MaxNative(most, value);
            value.Store(own + whole);
        }

        var (top, sums) = (Vector512.Create(VectorMath.Max(most)), Vector512<float>.Zero);
        for (var c = 0; c < before + seen; c += Lanes)
        {
            var e = VectorMath.Exp(Vector512.Load(scratch + c) - top);
            sums += e;
            e.Store(scratch + c);
        }

        var factor = Vector512.Create(1 / Vector512.Sum(sums));
        for (var c = 0; c < before; c += Lanes) T.Store(Vector512.Load(scratch + c) * factor, past, c);
        for (var c = 0; c < whole; c += Lanes) T.Store(Vector512.Load(own + c) * factor, x, c);
        if (whole < seen) StoreEnd<T>(Vector512.Load(own + whole) * factor, x, whole, columns);
        Clear<T>(x, seen, columns);
    }

    /// <summary>Weights are 0 where nothing is seen.</summary>
    private static void Backward<T>(void* past, void* d, void* pastWeights, void* w, int columns, int seen, float scale) where T : IStorage
    {
        var (whole, before, sums) = (seen / Lanes * Lanes, past == null ? 0 : columns, Vector512<float>.Zero);
        for (var c = 0; c < before; c += Lanes) sums = Vector512.FusedMultiplyAdd(T.Load(pastWeights, c), T.Load(past, c), sums);
        for (var c = 0; c < whole; c += Lanes) sums = Vector512.FusedMultiplyAdd(T.Load(w, c), T.Load(d, c), sums);
        Vector512<float> lastWeights = default, last = default;
        if (whole < seen) (lastWeights, last) = (LoadEnd<T>(w, whole, columns), LoadEnd<T>(d, whole, columns));
        var mean = Vector512.Create(Vector512.Sum(Vector512.FusedMultiplyAdd(lastWeights, last, sums)));
        for (var c = 0; c < before; c += Lanes) T.Store(T.Load(pastWeights, c) * (T.Load(past, c) - mean) * scale, past, c);
        for (var c = 0; c < whole; c += Lanes) T.Store(T.Load(w, c) * (T.Load(d, c) - mean) * scale, d, c);
        if (whole < seen) StoreEnd<T>(lastWeights * (last - mean) * scale, d, whole, columns);
        Clear<T>(d, seen, columns);
    }

    /// <summary>The vector at <paramref name="at"/>, or as much of it as a row has.</summary>
    private static Vector512<float> LoadEnd<T>(void* row, int at, int columns) where T : IStorage =>
        at + Lanes <= columns ? T.Load(row, at) : IStorage.LoadFew<T>(row, at, columns - at);

    private static void StoreEnd<T>(Vector512<float> value, void* row, int at, int columns) where T : IStorage
    {
        if (at + Lanes <= columns) T.Store(value, row, at);
        else IStorage.StoreFew<T>(value, row, at, columns - at);
    }

    /// <summary>Zeros from the first vector that begins at <paramref name="seen"/> or after.</summary>
    private static void Clear<T>(void* row, int seen, int columns) where T : IStorage
    {
        var from = (seen + Lanes - 1) / Lanes * Lanes;
        if (from < columns) Unsafe.InitBlockUnaligned((byte*)row + from * T.Size, 0, (uint)((columns - from) * T.Size));
    }

    private static Vector512<float> IsBefore(int at, int end) => Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(end - at)).AsSingle();

    /// <summary>Where the rows of a product lie, and those of the weights or 0.</summary>
    private readonly struct Rows(CausalProduct scores, CausalProduct? weights)
    {
        public readonly int Columns = (int)scores.Own.shape[2];
        public readonly int Count = (int)(scores.Own.numel() / scores.Own.shape[2]);
        public readonly int FirstHalf = (int)(scores.Own.numel() / scores.Own.shape[2]) / (scores.Earlier is null ? 1 : 2);
        public readonly nint Own = At(scores.Own), Before = At(scores.Earlier), Weights = At(weights?.Own), WeightsBefore = At(weights?.Earlier);

        private static nint At(Tensor? tensor) => tensor is null ? 0 : TensorMemory.AddressOf(tensor);
    }
}
