using System.Globalization;
using Dtt.Core.Errors;
using Dtt.Core.Storage;
using Dtt.Silo.Ranks;

namespace Dtt.Silo.Doctor;

/// <summary>What the kernel lets this user's processes have.</summary>
internal static class LimitChecks
{
    private const long LeastOpenFiles = 2048, LeastProcesses = 1024;
    private const double LeastMemoryBytes = 1e9, LeastSharedBytes = 1e9;
    private const string SharedMemoryFolder = "/dev/shm";

    public static string OpenFiles() => Limit("Max open files", LeastOpenFiles, "ulimit -n");

    public static string Processes() => Limit("Max processes", LeastProcesses, "ulimit -u");

    public static string Memory()
    {
        const string name = "MemAvailable:";
        var mine = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes; // what the control group allows
        var line = File.ReadLines("/proc/meminfo").First(l => l.StartsWith(name, StringComparison.Ordinal));
        var free = Math.Min(mine, 1024 * long.Parse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture));
        return free >= LeastMemoryBytes ? string.Create(CultureInfo.InvariantCulture, $"{free / 1e9:0.0} of {mine / 1e9:0.0} GB are free")
            : throw new UserErrorException(string.Create(CultureInfo.InvariantCulture,
                $"only {free / 1e6:0} MB of memory are free, of {mine / 1e9:0.0} GB: end what uses it, or ask the job's system for more (`--mem`)."));
    }

    public static string Cores()
    {
        var (mine, all) = (Environment.ProcessorCount, File.ReadLines("/proc/cpuinfo").Count(l => l.StartsWith("processor", StringComparison.Ordinal)));
        return mine > 1 || all == 1 ? $"{mine} of {all}" : throw new UserErrorException(
            $"the affinity mask or the control group allows one of {all} cores: ask for them (`--cpus-per-task` of Slurm, `--cpus` of a container), "
            + "or start it without `taskset`.");
    }

    /// <summary>NCCL keeps its buffers there when ranks of one node speak to each other.</summary>
    public static string SharedMemory()
    {
        if (!FileSystem.IsWritable(SharedMemoryFolder))
            throw new UserErrorException($"{SharedMemoryFolder} is not there or cannot be written: mount a tmpfs there (`--ipc=host` of a container).");
        var free = FileSystem.FreeBytes(SharedMemoryFolder);
        return free >= LeastSharedBytes || DeviceInventory.Gpus().Count < 2
            ? string.Create(CultureInfo.InvariantCulture, $"{free / 1e9:0.0} GB free in {SharedMemoryFolder}")
            : throw new UserErrorException(string.Create(CultureInfo.InvariantCulture,
                $"{SharedMemoryFolder} has {free / 1e6:0} MB free, too few for GPUs to speak through: give it more (`--shm-size` of a container)."));
    }

    /// <summary>proc(5): <c>Max open files    soft    hard    files</c>; the runtime raises the soft limit of files to the hard one.</summary>
    private static string Limit(string name, long least, string command)
    {
        var line = File.ReadLines("/proc/self/limits").First(l => l.StartsWith(name, StringComparison.Ordinal));
        var soft = line[name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
        return soft == "unlimited" || long.Parse(soft, CultureInfo.InvariantCulture) >= least ? soft : throw new UserErrorException(
            $"{soft}, and at least {least} are needed: raise the hard limit (`{command}` in the shell or job script that starts DTT, or limits.conf).");
    }
}
