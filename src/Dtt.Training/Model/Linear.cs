using System.Runtime.Intrinsics;
using Dtt.Training.Native;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Dtt.Training.Model;

/// <summary>
/// x Wᵀ + b. For a single row on a CPU, which sampling has, torch reads the weights at less than half of what the memory gives (measured: docs/log.md); there a loop of our own goes through them once, each
/// thread its rows.
/// </summary>
internal static unsafe class Linear
{
    private const int FewestRows = 64; // of a thread's share

    /// <summary>(…, in), (out, in), (out) or null → (…, out).</summary>
    public static Tensor Of(Tensor x, Tensor weight, Tensor? bias = null) =>
        is_grad_enabled() || x.device_type != DeviceType.CPU || x.numel() != weight.shape[1] || x.dtype is not (ScalarType.Float32 or ScalarType.BFloat16) || !x.is_contiguous() || !weight.is_contiguous()
            ? F.linear(x, weight, bias) : Row(x, weight, bias);

    private static Tensor Row(Tensor x, Tensor weight, Tensor? bias)
    {
        var (rows, columns) = ((int)weight.shape[0], (int)weight.shape[1]);
        using var wide = x.dtype == ScalarType.Float32 ? null : x.to(ScalarType.Float32);
        using var wideBias = bias is null || bias.dtype == ScalarType.Float32 ? null : bias.to(ScalarType.Float32);
        var output = empty([.. x.shape[..^1], rows], dtype: ScalarType.Float32);
        var (vector, added, sums, matrix) = (TensorMemory.AddressOf(wide ?? x), bias is null ? 0 : TensorMemory.AddressOf(wideBias ?? bias), TensorMemory.AddressOf(output), TensorMemory.AddressOf(weight));
        var narrow = weight.dtype == ScalarType.BFloat16;
        void Share(int thread, int threads)
        {
            var (first, end) = ((int)((long)rows * thread / threads), (int)((long)rows * (thread + 1) / threads));
            if (narrow) Bf16((ushort*)matrix, (float*)vector, (float*)added, (float*)sums, columns, first, end);
            else Fp32((float*)matrix, (float*)vector, (float*)added, (float*)sums, columns, first, end);
        }

        if (rows < FewestRows * ThreadTeam.Shared.Size) Share(0, 1);
        else ThreadTeam.Shared.Run(Share);
        if (wide is null) return output;
        using (output) return output.to(x.dtype);
    }

    /// <summary>sums[r] = bias[r] + Σ W[r, c] · x[c] for the rows [first, end); a bias may be missing. Row after row: the memory is one stream, which the processor fetches ahead.</summary>
    private static void Fp32(float* matrix, float* x, float* bias, float* sums, int columns, int first, int end)
    {
        for (var row = first; row < end; row++)
        {
            var w = matrix + (long)row * columns;
            Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default;
            var c = 0;
            for (; c + 64 <= columns; c += 64)
            {
                a0 = Vector512.FusedMultiplyAdd(Vector512.Load(w + c), Vector512.Load(x + c), a0);
                a1 = Vector512.FusedMultiplyAdd(Vector512.Load(w + c + 16), Vector512.Load(x + c + 16), a1);
                a2 = Vector512.FusedMultiplyAdd(Vector512.Load(w + c + 32), Vector512.Load(x + c + 32), a2);
                a3 = Vector512.FusedMultiplyAdd(Vector512.Load(w + c + 48), Vector512.Load(x + c + 48), a3);
            }

            var sum = Vector512.Sum(a0 + a1 + (a2 + a3));
            for (; c < columns; c++) sum += w[c] * x[c];
            sums[row] = bias is null ? sum : sum + bias[row];
        }
    }

    /// <summary>The same with bf16 weights, summed in fp32.</summary>
    private static void Bf16(ushort* matrix, float* x, float* bias, float* sums, int columns, int first, int end)
    {
        for (var row = first; row < end; row++)
        {
            var w = matrix + (long)row * columns;
            Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default;
            var c = 0;
            for (; c + 64 <= columns; c += 64)
            {
                var (low, high) = (Vector512.Load(w + c), Vector512.Load(w + c + 32));
                a0 = Vector512.FusedMultiplyAdd((Vector512.WidenLower(low) << 16).AsSingle(), Vector512.Load(x + c), a0);
                a1 = Vector512.FusedMultiplyAdd((Vector512.WidenUpper(low) << 16).AsSingle(), Vector512.Load(x + c + 16), a1);
                a2 = Vector512.FusedMultiplyAdd((Vector512.WidenLower(high) << 16).AsSingle(), Vector512.Load(x + c + 32), a2);
                a3 = Vector512.FusedMultiplyAdd((Vector512.WidenUpper(high) << 16).AsSingle(), Vector512.Load(x + c + 48), a3);
            }

            var sum = Vector512.Sum(a0 + a1 + (a2 + a3));
            for (; c < columns; c++) sum += BitConverter.Int32BitsToSingle(w[c] << 16) * x[c];
            sums[row] = bias is null ? sum : sum + bias[row];
        }
    }
}
