using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cuda;

/// <summary>What the kernels take: rows of whole packs of 16 bytes, in fp32 or bf16.</summary>
internal static class Packs
{
    private const int Bytes = 16;

    /// <summary>Whether rows of this many values are whole packs.</summary>
    public static bool Fit(long width, ScalarType type) => width % Of(type) == 0;

    /// <summary>Values in a pack.</summary>
    public static int Of(ScalarType type) => Bytes / (type == ScalarType.BFloat16 ? 2 : 4);

    /// <summary>The same values, contiguous, from an address that a pack may have.</summary>
    public static Tensor Aligned(Tensor values)
    {
        var whole = values.contiguous();
        return TensorMemory.AddressOf(whole) % Bytes == 0 ? whole : whole.clone();
    }

    /// <summary>What a kernel is called for a tensor's type.</summary>
    public static string NameOf(string kernel, Tensor values) => values.dtype switch
    {
        ScalarType.BFloat16 => $"{kernel}_bf16",
        ScalarType.Float32 => $"{kernel}_fp32",
        var other => throw new NotSupportedException($"{kernel} of {other}"),
    };
}
