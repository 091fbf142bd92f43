using TorchSharp;

namespace Dtt.Training.Native;

/// <summary>
/// Constants for torch that live as long as the process. TorchSharp hands a number's native handle to a call without keeping the number alive, so one that
/// nobody holds may be freed before the call reads it: every number is one of these or held by a <c>using</c> (the compiler refuses conversions that hide
/// one, see BannedSymbols.txt).
/// </summary>
internal static class Number
{
    /// <summary>1.</summary>
    public static Scalar One { get; } = 1.0.ToScalar();

    /// <summary>−1.</summary>
    public static Scalar MinusOne { get; } = (-1.0).ToScalar();

    /// <summary>−∞.</summary>
    public static Scalar NegativeInfinity { get; } = double.NegativeInfinity.ToScalar();

    /// <summary>The value of a () fp32 tensor, copied from its device when need be.</summary>
    public static float Of(torch.Tensor value)
    {
        using var here = value.cpu();
        return here.data<float>()[0];
    }
}
