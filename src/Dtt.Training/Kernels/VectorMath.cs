using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Dtt.Training.Kernels;

/// <summary>Functions of 16 values at a time, in fp32 alone: .NET's own go by way of doubles.</summary>
internal static class VectorMath
{
    private const float Log2E = 1.44269504f, Ln2High = 0.693359375f, Ln2Low = -2.12194440e-4f;
    private const float Smallest = -87.3f, Largest = 88.3f;

    /// <summary>eˣ to within two units in the last place; 0 below −87.3, where fp32 has no normal numbers, ∞ above 88.3; NaN of NaN. Reduction to |r| ≤ ln 2 ÷ 2 in two parts (Cody and Waite 1980) and Taylor's series to r⁷.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        var k = Vector512.Round(x * Log2E);
        var r = Vector512.FusedMultiplyAdd(k, Vector512.Create(-Ln2High), x);
        r = Vector512.FusedMultiplyAdd(k, Vector512.Create(-Ln2Low), r);
        var p = Vector512.Create(1f / 5040);
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1f / 720));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1f / 120));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1f / 24));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1f / 6));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(0.5f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512<float>.One);
        p = Vector512.FusedMultiplyAdd(p, r, Vector512<float>.One);
        var scaled = (p.AsInt32() + (Vector512.ConvertToInt32Native(k) << 23)).AsSingle();                // p · 2ᵏ
        scaled = Vector512.ConditionalSelect(Vector512.GreaterThan(x, Vector512.Create(Largest)), Vector512.Create(float.PositiveInfinity), scaled);
        return Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512.Create(Smallest)), Vector512<float>.Zero, scaled);
    }
}
