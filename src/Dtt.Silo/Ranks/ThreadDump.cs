using System.Globalization;
using Dtt.Core.Errors;
using Microsoft.Diagnostics.Runtime;

namespace Dtt.Silo.Ranks;

/// <summary>
/// <c>dtt-silo --threads PID</c>: prints what the managed threads of another .NET process are doing, the main thread first, a line a frame. The process is
/// stopped while its memory is read, so endless loops, blocked native calls and stopped processes all show. In a process of its own, because reading the
/// memory of a broken process may hang or crash.
/// </summary>
internal static class ThreadDump
{
    private const int MaxLines = 60, MaxFrames = 20;

    /// <summary>Prints the threads of a process.</summary>
    /// <returns>The exit code.</returns>
    public static int Print(string process)
    {
        try
        {
            var id = int.Parse(process, CultureInfo.InvariantCulture);
            using var target = DataTarget.AttachToProcess(id, suspend: true);
            var clr = target.ClrVersions.FirstOrDefault() ?? throw new ClrDiagnosticsException("it runs no .NET");
            var dac = Path.Combine(Path.GetDirectoryName(clr.ModuleInfo.FileName)!, "libmscordaccore.so");
            using var runtime = clr.CreateRuntime(dac, ignoreMismatch: true); // it lies beside the process's own runtime, so it is its own
            foreach (var line in runtime.Threads.OrderBy(t => t.OSThreadId != id).SelectMany(t => Lines(t, id)).Take(MaxLines)) Console.WriteLine(line);
            return ExitCodes.Success;
        }
        catch (Exception e)
        {
            Console.Error.WriteLine($"the threads of process {process} cannot be read: {e.Message}");
            return ExitCodes.Failure;
        }
    }

    /// <summary>A thread and its frames; nothing of one that runs no managed code.</summary>
    private static IEnumerable<string> Lines(ClrThread thread, int process)
    {
        var frames = thread.EnumerateStackTrace().Select(f => f.Method?.Signature).OfType<string>().Take(MaxFrames).ToList();
        if (frames.Count == 0) return [];
        var name = thread.OSThreadId == process ? "main thread" : string.Create(CultureInfo.InvariantCulture, $"thread {thread.OSThreadId}");
        return [$"{name}:", .. frames.Select(f => $"  {f}")];
    }
}
