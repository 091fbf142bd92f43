using System.Runtime.InteropServices;
using Dtt.Training.Native;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Dtt.Training.Kernels.Cpu;

/// <summary>
/// fp32 products by oneDNN, which on CPUs with AVX-512 is faster than the MKL that torch uses for them (measured: docs/log.md). It is within libtorch, which
/// exports it to C as <c>aoti_torch_cpu__linear_pointwise</c>; where that is missing, torch's own linear is used.
/// </summary>
internal static unsafe class OneDnn
{
    private static readonly nint _nothing = Marshal.StringToHGlobalAnsi("none"), _empty = Marshal.StringToHGlobalAnsi("");
    private static readonly delegate* unmanaged<nint, nint, nint*, nint, nint, long, nint*, nint*, int> _linear = Find();

    /// <summary>x Wᵀ + b, without a graph: (N, in), (out, in), (out) or null → (N, out).</summary>
    public static Tensor Linear(Tensor x, Tensor weight, Tensor? bias = null)
    {
        if (_linear == null || x.dtype != ScalarType.Float32) return F.linear(x, weight, bias);
        var (biasHandle, algorithm, result) = (bias?.Handle ?? 0, _empty, (nint)0);
        if (_linear(x.Handle, weight.Handle, bias is null ? null : &biasHandle, _nothing, 0, 0, &algorithm, &result) != 0) return F.linear(x, weight, bias);
        GC.KeepAlive((x, weight, bias));
        return Tensor.UnsafeCreateTensor(result);
    }

    private static delegate* unmanaged<nint, nint, nint*, nint, nint, long, nint*, nint*, int> Find() =>
        System.Runtime.Intrinsics.X86.Avx512F.IsSupported && LoadedLibrary.Handle("libtorch_cpu") is { } library
        && NativeLibrary.TryGetExport(library, "aoti_torch_cpu__linear_pointwise", out var linear)
            ? (delegate* unmanaged<nint, nint, nint*, nint, nint, long, nint*, nint*, int>)linear : null;
}
