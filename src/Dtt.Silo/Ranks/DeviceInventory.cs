using System.Globalization;
using Dtt.Core.Platform;
using Dtt.Core.Storage;
using Dtt.Grains.Devices;

namespace Dtt.Silo.Ranks;

/// <summary>The devices of this machine: the GPUs of the inherited <c>CUDA_VISIBLE_DEVICES</c> list, else those that the driver shows; and the CPU as one.</summary>
internal static class DeviceInventory
{
    private const string GpuPrefix = "gpu:";

    /// <summary><c>gpu:ID</c> …, then <c>cpu</c>.</summary>
    public static IReadOnlyList<string> Find()
    {
        var named = Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES");
        string[] gpus = named is not null ? named.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            : [.. Enumerable.Range(0, 64).TakeWhile(i => File.Exists(string.Create(CultureInfo.InvariantCulture, $"/dev/nvidia{i}"))).Select(i => i.ToString(CultureInfo.InvariantCulture))];
        return [.. gpus.Select(g => GpuPrefix + g), DeviceTable.Cpu];
    }

    /// <summary>What a rank on a device sees as <c>CUDA_VISIBLE_DEVICES</c>.</summary>
    public static string VisibleTo(string device) => device.StartsWith(GpuPrefix, StringComparison.Ordinal) ? device[GpuPrefix.Length..] : "";

    /// <summary>The file whose <c>flock</c> a rank on the device holds. A GPU's is one for all of this user's platforms on the machine; the CPU's is the platform's own, for CPUs can be shared.</summary>
    public static string LockFile(string device, PlatformFolders folders)
    {
        var folder = DeviceTable.IsCpu(device) ? Path.Combine(folders.State, "devices") : $"/var/tmp/dtt-{FileSystem.UserId()}";
        PrivateFolder.Make(folder);
        return Path.Combine(folder, device.Replace(':', '-').Replace('/', '-') + ".lock");
    }
}
