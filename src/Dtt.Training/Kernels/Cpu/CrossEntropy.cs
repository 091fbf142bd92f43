using System.Runtime.Intrinsics;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cpu;

/// <summary>Softmax cross-entropy and its gradient, in the memory of the logits.</summary>
internal static unsafe class CrossEntropy
{
    private const int Lanes = IStorage.Lanes;

    /// <summary>As <see cref="IKernels.CrossEntropyInPlace"/> says, in one go over each row.</summary>
    public static Tensor InPlace(Tensor logits, Tensor targets, int ids, float scale)
    {
        var (rows, columns, bf16) = ((int)logits.shape[0], (int)logits.shape[1], logits.dtype == ScalarType.BFloat16);
        var (values, wanted) = (TensorMemory.AddressOf(logits), TensorMemory.AddressOf(targets));
        var losses = new double[rows];
        OpenMp.For(rows, (first, end) =>
        {
            fixed (float* exponentials = new float[columns])
            {
                for (var row = first; row < end; row++)
                {
                    var (at, target) = ((long)row * columns, ((long*)wanted)[row]);
                    losses[row] = bf16 ? Row<Bf16>((ushort*)values + at, columns, ids, target, scale, exponentials)
                        : Row<Fp32>((float*)values + at, columns, ids, target, scale, exponentials);
                }
            }
        });
        return tensor((float)losses.Sum());
    }

    private static double Row<T>(void* x, int columns, int ids, long target, float scale, float* exponentials) where T : IStorage
    {
        // The row's end is computed as a whole vector, whose lanes of padding count as −∞.
        var whole = ids / Lanes * Lanes;
        var isId = Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(ids - whole)).AsSingle();
        Vector512<float> Last() => Vector512.ConditionalSelect(isId, T.Load(x, whole), Vector512.Create(float.NegativeInfinity));
        var most = whole < columns ? Last() : Vector512.Create(float.NegativeInfinity);
        for (var c = 0; c < whole; c += Lanes) most = Vector512.MaxNative(most, T.Load(x, c));
        var max = VectorMath.Max(most);
        var (top, sums) = (Vector512.Create(max), Vector512<float>.Zero);
        for (var c = 0; c < whole; c += Lanes)
        {
            var e = VectorMath.Exp(T.Load(x, c) - top);
            sums += e;
            e.Store(exponentials + c);
        }

        if (whole < columns)
        {
            var e = VectorMath.Exp(Last() - top);
            sums += e;
            e.Store(exponentials + whole);
        }

        var sum = Vector512.Sum(sums);
        var (block, lane) = (target / Lanes * Lanes, (int)(target % Lanes));
        var logProbability = T.Load(x, block)[lane] - max - Math.Log(sum);

        var factor = Vector512.Create(scale / sum);
        for (var c = 0; c < Math.Min(whole + Lanes, columns); c += Lanes) T.Store(Vector512.Load(exponentials + c) * factor, x, c);
        for (var c = whole + Lanes; c < columns; c += Lanes) T.Store(default, x, c);
        T.Store(T.Load(x, block).WithElement(lane, (float)(Math.Exp(logProbability) - 1) * scale), x, block);
        return -logProbability;
    }
}
