using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cuda;

/// <summary>LayerNorm and RMSNorm, a warp for each row. Shapes: (N, C) of any leading dimensions, contiguous; moments (N, 2) fp32.</summary>
internal static unsafe class RowNorm
{
    private const int Threads = 128, RowsOfABlock = Threads / 32;

    /// <summary>The output, and of each row its mean (RMSNorm: 0) and what it is multiplied by.</summary>
    public static (Tensor Output, Tensor Moments) Forward(CudaModule module, Tensor x, Tensor gain, Tensor? bias, float epsilon)
    {
        var (y, rows, width) = (empty_like(x), x.numel() / x.shape[^1], (int)x.shape[^1]);
        var moments = empty(rows, 2, dtype: ScalarType.Float32, device: x.device);
        nint xAt = TensorMemory.AddressOf(x), gainAt = TensorMemory.AddressOf(gain), biasAt = bias is null ? 0 : TensorMemory.AddressOf(bias);
        nint yAt = TensorMemory.AddressOf(y), momentsAt = TensorMemory.AddressOf(moments);
        module.Launch(NameOf(x, bias is not null, ""), Blocks(rows), Threads,
            (nint)(&xAt), (nint)(&gainAt), (nint)(&biasAt), (nint)(&yAt), (nint)(&momentsAt), (nint)(&rows), (nint)(&width), (nint)(&epsilon));
        return (y, moments);
    }

    /// <summary>The gradient of x of that of the output.</summary>
    public static Tensor Backward(CudaModule module, Tensor gradient, Tensor x, Tensor gain, Tensor moments, bool centered)
    {
        var (dx, rows, width) = (empty_like(x), x.numel() / x.shape[^1], (int)x.shape[^1]);
        nint gradientAt = TensorMemory.AddressOf(gradient), xAt = TensorMemory.AddressOf(x), gainAt = TensorMemory.AddressOf(gain);
        nint momentsAt = TensorMemory.AddressOf(moments), dxAt = TensorMemory.AddressOf(dx);
        module.Launch(NameOf(x, centered, "_backward"), Blocks(rows), Threads,
            (nint)(&gradientAt), (nint)(&xAt), (nint)(&gainAt), (nint)(&momentsAt), (nint)(&dxAt), (nint)(&rows), (nint)(&width));
        return dx;
    }

    private static string NameOf(Tensor x, bool centered, string step) => Packs.NameOf(centered ? "layer_norm" : "rms_norm", x) + step;

    private static (long, long) Blocks(long rows) => ((rows + RowsOfABlock - 1) / RowsOfABlock, 1);
}
