using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Dtt.Training.Kernels.Cpu;

/// <summary>Functions of 16 values at a time, in fp32 alone: .NET's own go by way of doubles.</summary>
internal static class VectorMath
{
    private const float Log2E = 1.44269504f, Ln2High = 0.693359375f, Ln2Low = -2.12194440e-4f;
    private const float Smallest = -104, Largest = 89;   // beyond them eˣ is 0 and ∞ in fp32

    /// <summary>The largest of 16 values; when one is NaN, any of them.</summary>
    public static float Max(Vector512<float> x)
    {
        var eight = Vector256.MaxNative(x.GetLower(), x.GetUpper());
        var four = Vector128.MaxNative(eight.GetLower(), eight.GetUpper());
        var two = Vector128.MaxNative(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MaxNative(two, Vector128.Shuffle(two, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    /// <summary>
    /// eˣ to within two units in the last place, NaN of NaN. Reduction to |r| ≤ ln 2 ÷ 2 in two parts (Cody and Waite 1980), then the polynomial of degree 6
    /// whose largest relative error is least, 3.1e-9, among those that begin with 1 + r.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        x = Vector512.MaxNative(Vector512.Create(Smallest), Vector512.MinNative(Vector512.Create(Largest), x));   // in this order NaN stays
        var k = Vector512.Round(x * Log2E);
        var r = Vector512.FusedMultiplyAdd(k, Vector512.Create(-Ln2High), x);
        r = Vector512.FusedMultiplyAdd(k, Vector512.Create(-Ln2Low), r);
        var p = Vector512.Create(0.0013814599f);
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(0.0083687166f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(0.041668389f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(0.16666521f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(0.49999994f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512<float>.One);
        p = Vector512.FusedMultiplyAdd(p, r, Vector512<float>.One);
        return Avx512F.IsSupported ? Avx512F.Scale(p, k) : TimesPowerOf2(p, Vector512.ConvertToInt32Native(k));
    }

    /// <summary>1 ÷ (1 + e⁻ˣ).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sigmoid(Vector512<float> x) => Vector512<float>.One / (Vector512<float>.One + Exp(-x));

    /// <summary>p 2ᵏ in two factors, for 2ᵏ alone may be no normal number.</summary>
    private static Vector512<float> TimesPowerOf2(Vector512<float> p, Vector512<int> k)
    {
        static Vector512<float> Power(Vector512<int> k) => ((k + Vector512.Create(127)) << 23).AsSingle();
        return p * Power(k >> 1) * Power(k - (k >> 1));
    }
}
