using System.Runtime.Intrinsics;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cpu;

/// <summary>
/// LayerNorm (Ba et al. 2016, arXiv:1607.06450) and RMSNorm (Zhang and Sennrich 2019, arXiv:1910.07467) of N rows of C values: y = x̂ gain + bias with
/// x̂ = (x − μ) ÷ √(mean((x − μ)²) + ε), where RMSNorm has no bias and μ = 0. Computed in fp32 throughout; backward is one pass over the rows.
/// </summary>
internal static unsafe class RowNorm
{
    private const int Lanes = IStorage.Lanes;

    /// <summary>Whether the kernel can compute these rows: they are of whole vectors.</summary>
    public static bool Supports(Tensor x) => x.shape[^1] % Lanes == 0;

    /// <summary>(…, C) contiguous, fp32 or bf16; (C) of the same type; the bias makes it LayerNorm, without one it is RMSNorm.</summary>
    /// <returns>(…, C), and (N, 2) fp32, μ and 1 ÷ √(…) of each row, which <see cref="Backward"/> needs.</returns>
    public static (Tensor Output, Tensor Moments) Forward(Tensor x, Tensor gain, Tensor? bias, double epsilon)
    {
        var (columns, rows) = ((int)x.shape[^1], (int)(x.numel() / x.shape[^1]));
        var (y, moments) = (empty_like(x), empty(rows, 2, dtype: ScalarType.Float32));
        var (from, to, saved) = (TensorMemory.AddressOf(x), TensorMemory.AddressOf(y), TensorMemory.AddressOf(moments));
        var (g, b) = (TensorMemory.AddressOf(gain), bias is null ? 0 : TensorMemory.AddressOf(bias));
        var bf16 = x.dtype == ScalarType.BFloat16;
        OpenMp.For(rows, (first, end) =>
        {
            for (var row = first; row < end; row++)
            {
                var at = (long)row * columns;
                var m = (float*)saved + 2 * row;
                if (bf16) Value<Bf16>((ushort*)from + at, (ushort*)to + at, m, (void*)g, (void*)b, columns, (float)epsilon);
                else Value<Fp32>((float*)from + at, (float*)to + at, m, (void*)g, (void*)b, columns, (float)epsilon);
            }
        });
        return (y, moments);
    }

    /// <summary>Gradients, given that (…, C) with respect to the output.</summary>
    /// <returns>Those with respect to x, (…, C) of its type, to gain and to bias, (C) fp32; of RMSNorm the last is null.</returns>
    public static (Tensor Input, Tensor Gain, Tensor? Bias) Backward(Tensor x, Tensor moments, Tensor gain, bool hasBias, Tensor gradient)
    {
        var (columns, rows) = ((int)x.shape[^1], (int)(x.numel() / x.shape[^1]));
        var (dx, sums) = (empty_like(x), zeros(OpenMp.Threads, 2, columns));                       // gain and bias of each thread's rows
        var (from, d, to) = (TensorMemory.AddressOf(x), TensorMemory.AddressOf(gradient), TensorMemory.AddressOf(dx));
        var (saved, g, s) = (TensorMemory.AddressOf(moments), TensorMemory.AddressOf(gain), TensorMemory.AddressOf(sums));
        var bf16 = x.dtype == ScalarType.BFloat16;
        OpenMp.Run((thread, threads) =>
        {
            var mine = (float*)s + 2L * thread * columns;
            var end = OpenMp.Cut(rows, thread + 1, threads);
            for (var row = OpenMp.Cut(rows, thread, threads); row < end; row++)
            {
                var at = (long)row * columns;
                var m = (float*)saved + 2 * row;
                if (bf16) Backward<Bf16>((ushort*)from + at, (ushort*)d + at, (ushort*)to + at, m, (void*)g, mine, columns, hasBias);
                else Backward<Fp32>((float*)from + at, (float*)d + at, (float*)to + at, m, (void*)g, mine, columns, hasBias);
            }
        });
        var whole = sums.sum(dim: 0);
        return (dx, whole[0], hasBias ? whole[1] : null);
    }

    private static void Value<T>(void* x, void* y, float* moments, void* gain, void* bias, int columns, float epsilon) where T : IStorage
    {
        var (mean, squares) = (0f, Vector512<float>.Zero);
        if (bias != null)
        {
            var sum = Vector512<float>.Zero;
            for (var c = 0; c < columns; c += Lanes) sum += T.Load(x, c);
            mean = Vector512.Sum(sum) / columns;
        }

        var center = Vector512.Create(mean);
        for (var c = 0; c < columns; c += Lanes)
        {
            var v = T.Load(x, c) - center;
            squares = Vector512.FusedMultiplyAdd(v, v, squares);
        }

        var inverse = 1 / MathF.Sqrt(Vector512.Sum(squares) / columns + epsilon);
        (moments[0], moments[1]) = (mean, inverse);
        var scale = Vector512.Create(inverse);
        for (var c = 0; c < columns; c += Lanes)
        {
            var v = (T.Load(x, c) - center) * scale * T.Load(gain, c);
            T.Store(bias == null ? v : v + T.Load(bias, c), y, c);
        }
    }

    /// <summary>
    /// dx = (g − mean(g) − x̂ mean(g x̂)) ÷ √(…) with g = dy gain, the middle term only where μ is subtracted; adds dy x̂ and dy to the sums.
    /// </summary>
    private static void Backward<T>(void* x, void* d, void* dx, float* moments, void* gain, float* sums, int columns, bool centered) where T : IStorage
    {
        var (center, scale) = (Vector512.Create(moments[0]), Vector512.Create(moments[1]));
        var (along, across) = (Vector512<float>.Zero, Vector512<float>.Zero);
        for (var c = 0; c < columns; c += Lanes)
        {
            var (dy, normed) = (T.Load(d, c), (T.Load(x, c) - center) * scale);
            var g = dy * T.Load(gain, c);
            across += g;
            along = Vector512.FusedMultiplyAdd(g, normed, along);
            Vector512.FusedMultiplyAdd(dy, normed, Vector512.Load(sums + c)).Store(sums + c);
            if (centered) (Vector512.Load(sums + columns + c) + dy).Store(sums + columns + c);
        }

        var mean = Vector512.Create(centered ? Vector512.Sum(across) / columns : 0);
        var shared = Vector512.Create(Vector512.Sum(along) / columns);
        for (var c = 0; c < columns; c += Lanes)
        {
            var normed = (T.Load(x, c) - center) * scale;
            T.Store((T.Load(d, c) * T.Load(gain, c) - mean - normed * shared) * scale, dx, c);
        }
    }
}
