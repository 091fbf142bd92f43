using System.Diagnostics;
using System.Globalization;
using System.Text;
using Dtt.Core.Platform;

namespace Dtt.Silo.Ranks;

/// <summary>
/// Kills ranks of this user whose silo is dead. Ranks die with their silo by the parent-death signal; this is for the case that it did not reach one, before
/// another silo reports that they are gone.
/// </summary>
internal static class OwnerSweep
{
    /// <summary>The environment variable that names a rank's owner.</summary>
    public const string Variable = "DTT_OWNER";

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);

    /// <summary>This process, so exactly that no later one is taken for it: id and start time.</summary>
    public static string ThisOwner { get; } =
        string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}:{SiloAnnouncement.StartTicksOf(Environment.ProcessId)}");

    /// <summary>The ranks whose silo is dead.</summary>
    public static IReadOnlyList<int> Find() =>
    [
        .. Directory.EnumerateDirectories("/proc")
            .Select(f => int.TryParse(Path.GetFileName(f), CultureInfo.InvariantCulture, out var id) ? id : Environment.ProcessId)
            .Where(id => id != Environment.ProcessId && OwnerOf($"/proc/{id}") is { } owner && IsOfOurNamespace(id) && !Lives(owner)),
    ];

    /// <summary>
    /// Sweeps; the processes that were killed. One that the kernel holds (a dead disk or GPU, a parent that does not take note of its end) may outlive this:
    /// the lock of its device keeps others off.
    /// </summary>
    /// <param name="patience">How long the end of each is waited for; 10 s by default.</param>
    public static IReadOnlyList<int> Run(TimeSpan? patience = null)
    {
        var killed = new List<int>();
        foreach (var id in Find())
        {
            try
            {
                using var process = Process.GetProcessById(id);
                process.Kill();
                killed.Add(id);
                process.WaitForExit(patience ?? _patience);
            }
            catch (Exception e) when (e is ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception)
            {
                // It ended while we looked.
            }
        }

        return killed;
    }

    // The processes of a container are seen from outside of it, too, and a process id that they name means another process here.
    private static bool IsOfOurNamespace(int process)
    {
        try
        {
            return new FileInfo($"/proc/{process}/ns/pid").LinkTarget == new FileInfo("/proc/self/ns/pid").LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static string? OwnerOf(string folder)
    {
        try
        {
            var environment = Encoding.UTF8.GetString(File.ReadAllBytes(Path.Combine(folder, "environ")));
            return environment.Split('\0').FirstOrDefault(v => v.StartsWith(Variable + "=", StringComparison.Ordinal))?[(Variable.Length + 1)..];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // another user's, or gone
        }
    }

    private static bool Lives(string owner)
    {
        var parts = owner.Split(':');
        return parts.Length == 2
            && int.TryParse(parts[0], CultureInfo.InvariantCulture, out var process)
            && long.TryParse(parts[1], CultureInfo.InvariantCulture, out var ticks)
            && SiloAnnouncement.StartTicksOf(process) == ticks;
    }
}
