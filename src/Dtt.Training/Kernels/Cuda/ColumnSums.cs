using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cuda;

/// <summary>Sums over all rows, (N, C) → (C) fp32, in a fixed order: stretches of rows first.</summary>
internal static unsafe class ColumnSums
{
    private const int Threads = 256, RowsOfAStretch = 64, MostStretches = 256, PacksOfABlock = 32;

    /// <summary>(1, C): the sums of a bias's gradient.</summary>
    public static Tensor Of(CudaModule module, Tensor gradient) => Sums(module, "column_sums", gradient, null, null);

    /// <summary>(2, C): the gradients of a norm's gain and of its bias.</summary>
    /// <param name="module">The kernels.</param>
    /// <param name="gradient">Of the norm's output.</param>
    /// <param name="x">The norm's input.</param>
    /// <param name="moments">Of its rows.</param>
    public static Tensor OfNorm(CudaModule module, Tensor gradient, Tensor x, Tensor moments) => Sums(module, "norm_sums", gradient, x, moments);

    private static Tensor Sums(CudaModule module, string kernel, Tensor gradient, Tensor? x, Tensor? moments)
    {
        var (rows, width) = (gradient.numel() / gradient.shape[^1], (int)gradient.shape[^1]);
        var (stretches, packs) = (Math.Clamp(rows / RowsOfAStretch, 1, MostStretches), width / Packs.Of(gradient.dtype));
        using var sums = empty(stretches, x is null ? 1 : 2, width, dtype: ScalarType.Float32, device: gradient.device);
        nint gradientAt = TensorMemory.AddressOf(gradient), sumsAt = TensorMemory.AddressOf(sums);
        nint xAt = x is null ? 0 : TensorMemory.AddressOf(x), momentsAt = moments is null ? 0 : TensorMemory.AddressOf(moments);
        module.Launch(Packs.NameOf(kernel, gradient), ((packs + PacksOfABlock - 1) / PacksOfABlock, stretches), Threads,
            (nint)(&gradientAt), (nint)(&xAt), (nint)(&momentsAt), (nint)(&sumsAt), (nint)(&rows), (nint)(&width));
        return sums.sum(dim: 0);
    }
}
