using System.Runtime.InteropServices;
using Dtt.Core.Diagnostics;
using Dtt.Core.Errors;

namespace Dtt.Training.Native;

/// <summary>The first lines of a rank that a host started: it must not outlive its host, nor take the terminal's signals.</summary>
internal static partial class ProcessGuard
{
    private const int PrSetPdeathsig = 1;
    private const ulong SigKill = 9;
    private static readonly List<PosixSignalRegistration> _ignored = [];

    /// <summary>
    /// Leaves the terminal's process group, dies with the parent, lets it look into this process, and offers itself to the out-of-memory killer first.
    /// </summary>
    /// <param name="parent">The host's process id: if it is not our parent any more, it died before we asked to die with it.</param>
    /// <exception cref="UserErrorException">The host is gone.</exception>
    public static void Engage(int parent)
    {
        // Ctrl+C is the host's to handle, and so is the TERM that Slurm sends to every process of a job: it asks for a checkpoint first.
        _ignored.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, c => c.Cancel = true));
        _ignored.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, c => c.Cancel = true));
        _ignored.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, c => c.Cancel = true));
        _ = SetProcessGroup(0, 0);
        _ = ProcessControl(PrSetPdeathsig, SigKill, 0, 0, 0);
        if (GetParent() != parent) throw new UserErrorException($"the host (process {parent}) is gone.");
        Tracing.AllowFrom(parent);
        try
        {
            File.WriteAllText("/proc/self/oom_score_adj", "800");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not a Linux with /proc, or not allowed: only the out-of-memory killer's order is lost.
        }
    }

    [LibraryImport("libc", EntryPoint = "setpgid", SetLastError = true)]
    private static partial int SetProcessGroup(int process, int group);

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int ProcessControl(int option, ulong a, ulong b, ulong c, ulong d);

    [LibraryImport("libc", EntryPoint = "getppid")]
    private static partial int GetParent();
}
