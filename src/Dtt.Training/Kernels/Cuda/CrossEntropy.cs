using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cuda;

/// <summary>Cross-entropy and its gradient in one kernel, which reads each logit twice and writes it once.</summary>
internal static unsafe class CrossEntropy
{
    private const uint Threads = 512;

    /// <summary>See <see cref="IKernels.CrossEntropyInPlace"/>; rows are whole multiples of 16 bytes.</summary>
    public static Tensor InPlace(CudaModule module, Tensor logits, Tensor targets, int ids, float scale)
    {
        var (rows, width) = (logits.shape[0], (int)logits.shape[1]);
        using var losses = empty(rows, dtype: ScalarType.Float32, device: logits.device);
        using var chosen = targets.contiguous();
        nint logitsAt = TensorMemory.AddressOf(logits), targetsAt = TensorMemory.AddressOf(chosen), lossesAt = TensorMemory.AddressOf(losses);
        module.Launch(Packs.NameOf("cross_entropy", logits), (rows, 1), Threads,
            (nint)(&logitsAt), (nint)(&targetsAt), (nint)(&lossesAt), (nint)(&ids), (nint)(&width), (nint)(&scale));
        return losses.sum();
    }
}
