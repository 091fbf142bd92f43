using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cpu;

/// <summary>
/// Matrix products without a graph, by the fastest way at hand. Where a CPU multiplies bf16 slower than fp32, or not at all, bf16 operands are converted first:
/// a product of two bf16 numbers is exact in fp32, and sums are fp32 either way (measured: docs/log.md).
/// </summary>
internal static class Products
{
    /// <summary>Whether products of this tensor use its copy in fp32.</summary>
    public static bool Upcasts(Tensor x) => x.dtype == ScalarType.BFloat16 && !TorchRuntime.CpuMultipliesBf16;

    /// <summary>The operand of products: the tensor, or its copy in fp32, for several products of the same one.</summary>
    public static Tensor Operand(Tensor x) => Upcasts(x) ? x.to(ScalarType.Float32) : x;

    /// <summary>x Wᵀ + b: (N, in) or its <see cref="Operand"/>, (out, in), (out) or null → (N, out) of the weights' type.</summary>
    public static Tensor Linear(Tensor x, Tensor weight, Tensor? bias = null) =>
        Upcasts(weight) ? UpcastLinear(x, weight, bias) : OneDnn.Linear(x, weight, bias);

    /// <summary><see cref="Linear"/> of bf16 weights by an fp32 product.</summary>
    internal static Tensor UpcastLinear(Tensor x, Tensor weight, Tensor? bias)
    {
        using var scope = NewDisposeScope();
        var y = OneDnn.Linear(x.to(ScalarType.Float32), weight.to(ScalarType.Float32), bias?.to(ScalarType.Float32));
        return y.to(weight.dtype).MoveToOuterDisposeScope();
    }
}
