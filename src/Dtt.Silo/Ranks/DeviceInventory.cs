using System.Globalization;
using System.Text.RegularExpressions;
using Dtt.Core.Platform;
using Dtt.Core.Storage;
using Dtt.Grains.Devices;

namespace Dtt.Silo.Ranks;

/// <summary>
/// The devices of this machine: the GPUs of the inherited <c>CUDA_VISIBLE_DEVICES</c> list, else those that the driver shows; and the CPU as one.
/// </summary>
internal static partial class DeviceInventory
{
    private const string GpuPrefix = "gpu:";

    /// <summary><c>gpu:ID</c> …, then <c>cpu</c>.</summary>
    public static IReadOnlyList<string> Find() =>
        [.. Gpus().Select(g => GpuPrefix + g), DeviceTable.Cpu];

    /// <summary>The GPUs that this process may use, as CUDA names them.</summary>
    public static IReadOnlyList<string> Gpus() => Gpus(Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES"), "/dev");

    /// <summary>
    /// GPUs as CUDA counts them. An entry of the list that is no device ends it, so <c>-1</c> and Slurm's <c>NoDevFiles</c> are no GPU; without a list they are
    /// numbered in the order of the driver's files, which may have gaps.
    /// </summary>
    /// <param name="visible">The value of <c>CUDA_VISIBLE_DEVICES</c>, or null.</param>
    /// <param name="folder">Where the driver's files are.</param>
    internal static IReadOnlyList<string> Gpus(string? visible, string folder)
    {
        if (visible is not null) return [.. visible.Split(',', StringSplitOptions.TrimEntries).TakeWhile(entry => Entry().IsMatch(entry)).Distinct()];
        var count = Directory.EnumerateFileSystemEntries(folder, "nvidia*").Count(file => DeviceFile().IsMatch(Path.GetFileName(file)));
        return [.. Enumerable.Range(0, count).Select(i => i.ToString(CultureInfo.InvariantCulture))];
    }

    /// <summary>What a rank on a device sees as <c>CUDA_VISIBLE_DEVICES</c>.</summary>
    public static string VisibleTo(string device) => device.StartsWith(GpuPrefix, StringComparison.Ordinal) ? device[GpuPrefix.Length..] : "";

    /// <summary>
    /// The file whose <c>flock</c> a rank on the device holds. A GPU's is one for all of this user's platforms on the machine, or in the Slurm job: where Slurm
    /// confines a job to its GPUs, each job counts them from 0. The CPU's is the platform's own, for CPUs can be shared.
    /// </summary>
    /// <param name="device">The device.</param>
    /// <param name="folders">The platform's folders.</param>
    /// <param name="job">The Slurm job, if any.</param>
    public static string LockFile(string device, PlatformFolders folders, string? job)
    {
        var folder = DeviceTable.IsCpu(device) ? Path.Combine(folders.State, "devices") : $"/var/tmp/dtt-{FileSystem.UserId()}";
        PrivateFolder.Make(folder);
        var prefix = DeviceTable.IsCpu(device) || job is null ? "" : $"job-{job}-";
        return Path.Combine(folder, $"{prefix}{device.Replace(':', '-').Replace('/', '-')}.lock");
    }

    [GeneratedRegex("^([0-9]+|(GPU|MIG)-.+)$")]
    private static partial Regex Entry();

    [GeneratedRegex("^nvidia[0-9]+$")]
    private static partial Regex DeviceFile();
}
