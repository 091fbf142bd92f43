using System.Numerics;
using System.Numerics.Tensors;
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
        is_grad_enabled() || x.device_type != DeviceType.CPU || x.numel() != weight.shape[1] || !IsRow(x.dtype) || !weight.is_contiguous() ? F.linear(x, weight, bias) : Row(x, weight, bias);

    private static bool IsRow(ScalarType type) => type is ScalarType.Float32 or ScalarType.BFloat16;

    private static Tensor Row(Tensor x, Tensor weight, Tensor? bias)
    {
        var (rows, columns) = ((int)weight.shape[0], (int)weight.shape[1]);
        using var scope = NewDisposeScope();
        var input = x.to(ScalarType.Float32).contiguous();
        var output = bias is null ? zeros(rows, dtype: ScalarType.Float32) : bias.to(ScalarType.Float32, copy: true);
        var (from, to) = (TensorMemory.AddressOf(input), TensorMemory.AddressOf(output));
        var matrix = TensorMemory.AddressOf(weight);
        var narrow = weight.dtype == ScalarType.BFloat16;
        void Share(int thread, int threads)
        {
            var (first, end) = ((int)((long)rows * thread / threads), (int)((long)rows * (thread + 1) / threads));
            var vector = new ReadOnlySpan<float>((float*)from, columns);
            var sums = new Span<float>((float*)to, rows);
            for (var row = first; row < end; row++)
                sums[row] += narrow ? Dot(new ReadOnlySpan<ushort>((ushort*)matrix + (long)row * columns, columns), vector) : TensorPrimitives.Dot(new ReadOnlySpan<float>((float*)matrix + (long)row * columns, columns), vector);
        }

        if (rows < FewestRows * ThreadTeam.Shared.Size) Share(0, 1);
        else ThreadTeam.Shared.Run(Share);
        return output.to(x.dtype).view([.. x.shape[..^1], rows]).MoveToOuterDisposeScope();
    }

    /// <summary>Σ bf16 · fp32, in fp32.</summary>
    private static float Dot(ReadOnlySpan<ushort> weights, ReadOnlySpan<float> values)
    {
        var (low, high) = (Vector<float>.Zero, Vector<float>.Zero);
        var at = 0;
        for (; at + Vector<ushort>.Count <= weights.Length; at += Vector<ushort>.Count)
        {
            Vector.Widen(new Vector<ushort>(weights[at..]), out var first, out var second);
            low += Vector.AsVectorSingle(first << 16) * new Vector<float>(values[at..]);
            high += Vector.AsVectorSingle(second << 16) * new Vector<float>(values[(at + Vector<float>.Count)..]);
        }

        var sum = Vector.Sum(low + high);
        for (; at < weights.Length; at++) sum += BitConverter.Int32BitsToSingle(weights[at] << 16) * values[at];
        return sum;
    }
}
