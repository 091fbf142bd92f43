using System.Numerics;
using Dtt.Training.Native;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Dtt.Training.Model;

/// <summary>
/// x Wᵀ + b. For a single row on a CPU, which sampling has, torch reads the weights at less than half of what the memory gives (measured: docs/log.md); there a loop of our own goes through them once, each
/// thread its rows, four at a time.
/// </summary>
internal static unsafe class Linear
{
    private const int FewestRows = 64; // of a thread's share
    private const int RowsAtOnce = 4;

    /// <summary>(…, in), (out, in), (out) or null → (…, out).</summary>
    public static Tensor Of(Tensor x, Tensor weight, Tensor? bias = null) =>
        is_grad_enabled() || x.device_type != DeviceType.CPU || x.numel() != weight.shape[1] || x.dtype is not (ScalarType.Float32 or ScalarType.BFloat16) || !weight.is_contiguous() ? F.linear(x, weight, bias) : Row(x, weight, bias);

    private static Tensor Row(Tensor x, Tensor weight, Tensor? bias)
    {
        var (rows, columns) = ((int)weight.shape[0], (int)weight.shape[1]);
        using var scope = NewDisposeScope();
        var input = x.to(ScalarType.Float32).contiguous();
        var output = bias is null ? zeros(rows, dtype: ScalarType.Float32) : bias.to(ScalarType.Float32, copy: true);
        var (vector, sums, matrix) = (TensorMemory.AddressOf(input), TensorMemory.AddressOf(output), TensorMemory.AddressOf(weight));
        var narrow = weight.dtype == ScalarType.BFloat16;
        void Share(int thread, int threads)
        {
            var (first, end) = ((int)((long)rows * thread / threads), (int)((long)rows * (thread + 1) / threads));
            if (narrow) AddBf16((ushort*)matrix, (float*)vector, (float*)sums, columns, first, end);
            else AddFp32((float*)matrix, (float*)vector, (float*)sums, columns, first, end);
        }

        if (rows < FewestRows * ThreadTeam.Shared.Size) Share(0, 1);
        else ThreadTeam.Shared.Run(Share);
        return output.to(x.dtype).view([.. x.shape[..^1], rows]).MoveToOuterDisposeScope();
    }

    /// <summary>sums[r] += Σ W[r, c] · x[c] for the rows [first, end).</summary>
    private static void AddFp32(float* matrix, float* x, float* sums, int columns, int first, int end)
    {
        for (var row = first; row < end; row += RowsAtOnce)
        {
            var count = Math.Min(RowsAtOnce, end - row);
            float* w0 = Row(0), w1 = Row(1), w2 = Row(2), w3 = Row(3);
            Vector<float> a0 = default, a1 = default, a2 = default, a3 = default;
            var c = 0;
            for (; c + Vector<float>.Count <= columns; c += Vector<float>.Count)
            {
                var v = Vector.Load(x + c);
                a0 = Vector.FusedMultiplyAdd(Vector.Load(w0 + c), v, a0);
                a1 = Vector.FusedMultiplyAdd(Vector.Load(w1 + c), v, a1);
                a2 = Vector.FusedMultiplyAdd(Vector.Load(w2 + c), v, a2);
                a3 = Vector.FusedMultiplyAdd(Vector.Load(w3 + c), v, a3);
            }

            var (s0, s1, s2, s3) = (Vector.Sum(a0), Vector.Sum(a1), Vector.Sum(a2), Vector.Sum(a3));
            for (; c < columns; c++) (s0, s1, s2, s3) = (s0 + w0[c] * x[c], s1 + w1[c] * x[c], s2 + w2[c] * x[c], s3 + w3[c] * x[c]);
            Add(sums + row, count, s0, s1, s2, s3);

            float* Row(int i) => matrix + (long)(row + Math.Min(i, count - 1)) * columns;
        }
    }

    /// <summary>The same with bf16 weights, summed in fp32.</summary>
    private static void AddBf16(ushort* matrix, float* x, float* sums, int columns, int first, int end)
    {
        for (var row = first; row < end; row += RowsAtOnce)
        {
            var count = Math.Min(RowsAtOnce, end - row);
            ushort* w0 = Row(0), w1 = Row(1), w2 = Row(2), w3 = Row(3);
            Vector<float> a0 = default, a1 = default, a2 = default, a3 = default;
            var c = 0;
            for (; c + Vector<ushort>.Count <= columns; c += Vector<ushort>.Count)
            {
                var (low, high) = (Vector.Load(x + c), Vector.Load(x + c + Vector<float>.Count));
                a0 = Multiply(w0 + c, low, high, a0);
                a1 = Multiply(w1 + c, low, high, a1);
                a2 = Multiply(w2 + c, low, high, a2);
                a3 = Multiply(w3 + c, low, high, a3);
            }

            var (s0, s1, s2, s3) = (Vector.Sum(a0), Vector.Sum(a1), Vector.Sum(a2), Vector.Sum(a3));
            for (; c < columns; c++) (s0, s1, s2, s3) = (s0 + Widened(w0[c]) * x[c], s1 + Widened(w1[c]) * x[c], s2 + Widened(w2[c]) * x[c], s3 + Widened(w3[c]) * x[c]);
            Add(sums + row, count, s0, s1, s2, s3);

            ushort* Row(int i) => matrix + (long)(row + Math.Min(i, count - 1)) * columns;
        }
    }

    private static Vector<float> Multiply(ushort* weights, Vector<float> low, Vector<float> high, Vector<float> sum)
    {
        Vector.Widen(Vector.Load(weights), out var first, out var second);
        return Vector.FusedMultiplyAdd(Vector.AsVectorSingle(second << 16), high, Vector.FusedMultiplyAdd(Vector.AsVectorSingle(first << 16), low, sum));
    }

    private static float Widened(ushort bf16) => BitConverter.Int32BitsToSingle(bf16 << 16);

    private static void Add(float* sums, int count, float s0, float s1, float s2, float s3)
    {
        sums[0] += s0;
        if (count > 1) sums[1] += s1;
        if (count > 2) sums[2] += s2;
        if (count > 3) sums[3] += s3;
    }
}
