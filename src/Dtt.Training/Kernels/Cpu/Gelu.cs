using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cpu;

/// <summary>
/// GELU as GPT-2 has it, x (1 + tanh u) / 2 with u = √(2/π) (x + 0.044715 x³) (Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2): one exponential instead
/// of a tanh of full precision, for (1 + tanh u) / 2 = 1 ÷ (1 + e⁻²ᵘ).
/// </summary>
internal static unsafe class Gelu
{
    private const float Twice = 1.5957691216f, Cubic = 0.044715f; // 2 √(2/π)
    private const int Lanes = IStorage.Lanes;

    /// <summary>(…) → (…), fp32 or bf16, contiguous.</summary>
    public static Tensor Forward(Tensor x)
    {
        var y = empty_like(x);
        if (x.dtype == ScalarType.BFloat16) Over<Bf16, Value>(x, x, y);
        else Over<Fp32, Value>(x, x, y);
        return y;
    }

    /// <summary>The gradient with respect to x of that with respect to the result.</summary>
    public static Tensor Backward(Tensor x, Tensor gradient)
    {
        var dx = empty_like(x);
        if (x.dtype == ScalarType.BFloat16) Over<Bf16, Gradient>(x, gradient, dx);
        else Over<Fp32, Gradient>(x, gradient, dx);
        return dx;
    }

    private static void Over<T, TFunction>(Tensor x, Tensor gradient, Tensor result) where T : IStorage where TFunction : IFunction
    {
        var count = x.numel();
        var (from, d, to) = (TensorMemory.AddressOf(x), TensorMemory.AddressOf(gradient), TensorMemory.AddressOf(result));
        OpenMp.For((int)(count / Lanes), (first, end) =>
        {
            for (var at = (long)first * Lanes; at < (long)end * Lanes; at += Lanes)
                T.Store(TFunction.Of(T.Load((void*)from, at), T.Load((void*)d, at)), (void*)to, at);
        });
        var (whole, rest) = (count / Lanes * Lanes, (int)(count % Lanes));
        if (rest == 0) return;
        var last = TFunction.Of(IStorage.LoadFew<T>((void*)from, whole, rest), IStorage.LoadFew<T>((void*)d, whole, rest));
        IStorage.StoreFew<T>(last, (void*)to, whole, rest);
    }

    private interface IFunction
    {
        static abstract Vector512<float> Of(Vector512<float> x, Vector512<float> gradient);
    }

    private readonly struct Value : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Of(Vector512<float> x, Vector512<float> gradient) => x * VectorMath.Sigmoid(Twice * (x + Cubic * x * x * x));
    }

    private readonly struct Gradient : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Of(Vector512<float> x, Vector512<float> gradient)
        {
            var square = x * x;
            var s = VectorMath.Sigmoid(Twice * x * (Vector512<float>.One + Cubic * square));
            var dInner = Twice * (Vector512<float>.One + 3 * Cubic * square);
            return gradient * s * (Vector512<float>.One + x * (Vector512<float>.One - s) * dInner);
        }
    }
}
