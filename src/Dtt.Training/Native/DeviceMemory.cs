using Dtt.Core.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Native;

/// <summary>The memory in which a rank trains: its GPU's, or the machine's.</summary>
internal static class DeviceMemory
{
    /// <summary>Bytes in use: of the whole GPU, or resident ones of this process.</summary>
    public static long InUse(Device device)
    {
        if (device.type != DeviceType.CUDA) return Environment.WorkingSet;
        var (free, total) = CudaRuntime.Loaded.Memory();
        return total - free;
    }

    /// <summary>Refuses a model that does not fit before its first buffer is made.</summary>
    /// <param name="needs">What the run needs.</param>
    /// <param name="device">Where it trains.</param>
    /// <param name="bf16">Whether the working copy is bf16.</param>
    /// <param name="worldSize">Ranks of the attempt.</param>
    /// <exception cref="Core.Errors.UserErrorException">It does not fit.</exception>
    public static void Require(RunNeeds needs, Device device, bool bf16, int worldSize)
    {
        if (device.type == DeviceType.CUDA)
        {
            var free = (long)(CudaRuntime.Loaded.Memory().Free * (1 - RunNeeds.GpuReserve));
            needs.RequireMemory(needs.DeviceBytes(bf16, worldSize), free, "the GPU");
        }
        else
        {
            needs.RequireMemory(needs.HostBytes(bf16, worldSize), GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, "this machine");
        }
    }
}
