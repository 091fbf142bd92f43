using System.Runtime.InteropServices;
using TorchSharp;

namespace Dtt.Training.Native;

/// <summary>Where tensors lie.</summary>
internal static partial class TensorMemory
{
    /// <summary>The address of a tensor's first value, on its device; the caller keeps the tensor alive.</summary>
    public static nint AddressOf(torch.Tensor tensor) => TensorData(tensor.Handle);

    [LibraryImport("LibTorchSharp", EntryPoint = "THSTensor_data")]
    private static partial nint TensorData(nint tensor);
}
