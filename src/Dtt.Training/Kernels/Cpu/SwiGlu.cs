using System.Runtime.Intrinsics;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cpu;

/// <summary>
/// The gate of a SwiGLU layer, silu(g) u with silu(g) = g ÷ (1 + e⁻ᵍ) (Shazeer 2020, arXiv:2002.05202, equation 5): g is the first half of a row, u the second.
/// Both gradients in one pass.
/// </summary>
internal static unsafe class SwiGlu
{
    private const int Lanes = IStorage.Lanes;

    /// <summary>Whether the kernel can compute these rows: both halves are of whole vectors.</summary>
    public static bool Supports(Tensor x) => x.shape[^1] % (2 * Lanes) == 0;

    /// <summary>(…, 2 M) → (…, M), fp32 or bf16, contiguous.</summary>
    public static Tensor Forward(Tensor x)
    {
        var (rows, width) = Sizes(x);
        var y = empty([.. x.shape[..^1], width], dtype: x.dtype);
        var (from, to, bf16) = (TensorMemory.AddressOf(x), TensorMemory.AddressOf(y), x.dtype == ScalarType.BFloat16);
        OpenMp.For(rows, (first, end) =>
        {
            for (var row = (long)first; row < end; row++)
            {
                if (bf16) Value<Bf16>((ushort*)from + 2 * row * width, (ushort*)to + row * width, width);
                else Value<Fp32>((float*)from + 2 * row * width, (float*)to + row * width, width);
            }
        });
        return y;
    }

    /// <summary>The gradient (…, 2 M) with respect to x of that with respect to the result (…, M).</summary>
    public static Tensor Backward(Tensor x, Tensor gradient)
    {
        var (rows, width) = Sizes(x);
        var dx = empty_like(x);
        var (from, d, to, bf16) = (TensorMemory.AddressOf(x), TensorMemory.AddressOf(gradient), TensorMemory.AddressOf(dx), x.dtype == ScalarType.BFloat16);
        OpenMp.For(rows, (first, end) =>
        {
            for (var row = (long)first; row < end; row++)
            {
                if (bf16) Backward<Bf16>((ushort*)from + 2 * row * width, (ushort*)d + row * width, (ushort*)to + 2 * row * width, width);
                else Backward<Fp32>((float*)from + 2 * row * width, (float*)d + row * width, (float*)to + 2 * row * width, width);
            }
        });
        return dx;
    }

    private static (int Rows, int Width) Sizes(Tensor x) => ((int)(x.numel() / x.shape[^1]), (int)x.shape[^1] / 2);

    private static void Value<T>(void* x, void* y, int width) where T : IStorage
    {
        for (var c = 0; c < width; c += Lanes)
        {
            var g = T.Load(x, c);
            T.Store(g * VectorMath.Sigmoid(g) * T.Load(x, width + c), y, c);
        }
    }

    /// <summary>With s = 1 ÷ (1 + e⁻ᵍ): dg = d u s (1 + g (1 − s)), du = d g s.</summary>
    private static void Backward<T>(void* x, void* d, void* dx, int width) where T : IStorage
    {
        for (var c = 0; c < width; c += Lanes)
        {
            var (g, dy) = (T.Load(x, c), T.Load(d, c));
            var s = VectorMath.Sigmoid(g);
            T.Store(dy * T.Load(x, width + c) * s * (Vector512<float>.One + g * (Vector512<float>.One - s)), dx, c);
            T.Store(dy * g * s, dx, width + c);
        }
    }
}
