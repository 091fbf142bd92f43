using System.Runtime.InteropServices;

namespace Dtt.Core.Diagnostics;

/// <summary>
/// Who may look into this process. Where the kernel restricts tracing to descendants (Yama's <c>ptrace_scope</c> 1), a process names its tracer.
/// </summary>
public static partial class Tracing
{
    private const int PrSetPtracer = 0x59616d61;

    /// <summary>Lets a process and its children look into this one; kernels without Yama need nothing, and say no to it.</summary>
    public static void AllowFrom(int process) => _ = ProcessControl(PrSetPtracer, (ulong)process, 0, 0, 0);

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int ProcessControl(int option, ulong a, ulong b, ulong c, ulong d);
}
