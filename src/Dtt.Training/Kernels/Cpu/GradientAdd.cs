using System.Runtime.Intrinsics;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cpu;

/// <summary>Gradients of a micro-batch added to fp32 sums in one pass; torch converts bf16 ones to an fp32 copy first.</summary>
internal static unsafe class GradientAdd
{
    private const int Lanes = IStorage.Lanes;

    /// <summary>sum += values, or sum = values.</summary>
    /// <param name="sum">Of n values.</param>
    /// <param name="values">(n) fp32 or bf16, contiguous.</param>
    public static void Values(GradientSum sum, Tensor values)
    {
        var (count, to, from, isFirst) = (values.numel(), TensorMemory.AddressOf(sum.Values), TensorMemory.AddressOf(values), sum.IsFirst);
        var bf16 = values.dtype == ScalarType.BFloat16;
        OpenMp.For((int)(count / Lanes), (first, end) =>
        {
            if (bf16) Add<Bf16>((float*)to, (void*)from, (long)first * Lanes, (long)end * Lanes, isFirst);
            else Add<Fp32>((float*)to, (void*)from, (long)first * Lanes, (long)end * Lanes, isFirst);
        });
        var (whole, rest) = (count / Lanes * Lanes, (int)(count % Lanes));
        if (rest == 0) return;
        var last = bf16 ? IStorage.LoadFew<Bf16>((void*)from, whole, rest) : IStorage.LoadFew<Fp32>((void*)from, whole, rest);
        IStorage.StoreFew<Fp32>(isFirst ? last : last + IStorage.LoadFew<Fp32>((void*)to, whole, rest), (void*)to, whole, rest);
    }

    /// <summary>sum += the sum of all rows, or is that.</summary>
    /// <param name="sum">Of C values.</param>
    /// <param name="rows">(N, C) fp32 or bf16, contiguous.</param>
    public static void Rows(GradientSum sum, Tensor rows)
    {
        var (count, columns, to, from) = ((int)rows.shape[0], (int)rows.shape[1], TensorMemory.AddressOf(sum.Values), TensorMemory.AddressOf(rows));
        var (bf16, isFirst) = (rows.dtype == ScalarType.BFloat16, sum.IsFirst);
        OpenMp.For((columns + Lanes - 1) / Lanes, (first, end) =>
        {
            var range = (From: first * Lanes, To: Math.Min(end * Lanes, columns));
            fixed (float* totals = new float[(end - first) * Lanes])
            {
                if (bf16) Total<Bf16>((void*)from, count, columns, range.From, range.To, totals);
                else Total<Fp32>((void*)from, count, columns, range.From, range.To, totals);
                for (var c = range.From; c < range.To; c++) ((float*)to)[c] = totals[c - range.From] + (isFirst ? 0 : ((float*)to)[c]);
            }
        });
    }

    private static void Add<T>(float* sum, void* values, long first, long end, bool isFirst) where T : IStorage
    {
        // A sum that is only written does not go by way of the cache.
        if (isFirst) for (var i = first; i < end; i += Lanes) T.Load(values, i).StoreAlignedNonTemporal(sum + i);
        else for (var i = first; i < end; i += Lanes) (Vector512.Load(sum + i) + T.Load(values, i)).Store(sum + i);
    }

    /// <summary>Four rows at a time, so that the totals are read and written once for them.</summary>
    private static void Total<T>(void* rows, int count, int columns, int from, int to, float* totals) where T : IStorage
    {
        var whole = from + (to - from) / Lanes * Lanes;
        var row = 0;
        for (; row + 4 <= count; row += 4)
        {
            var at = (long)row * columns;
            for (var c = from; c < whole; c += Lanes)
            {
                var four = (T.Load(rows, at + c) + T.Load(rows, at + columns + c))
                    + (T.Load(rows, at + 2L * columns + c) + T.Load(rows, at + 3L * columns + c));
                (Vector512.Load(totals + c - from) + four).Store(totals + c - from);
            }
        }

        for (; row < count; row++)
            for (var c = from; c < whole; c += Lanes) (Vector512.Load(totals + c - from) + T.Load(rows, (long)row * columns + c)).Store(totals + c - from);
        if (whole == to) return;
        var last = Vector512<float>.Zero;
        for (row = 0; row < count; row++) last += IStorage.LoadFew<T>(rows, (long)row * columns + whole, to - whole);
        last.Store(totals + whole - from);
    }
}
