using TorchSharp;

namespace Dtt.Training.Native;

/// <summary>
/// Seeds of torch's random numbers. The CPU and each GPU have a generator of their own, and <c>random.manual_seed</c> sets the CPU's alone (see
/// BannedSymbols.txt).
/// </summary>
internal static class Seeds
{
    /// <summary>What is drawn on the device from now on follows from the seed.</summary>
    public static void Set(torch.Device device, ulong seed)
    {
        if (device.type == DeviceType.CUDA) torch.cuda.manual_seed((long)seed);
#pragma warning disable RS0030 // the one place
        else torch.random.manual_seed((long)seed);
#pragma warning restore RS0030
    }
}
