using System.Runtime.InteropServices;

/// <summary>What a test rank asks of the system.</summary>
internal static partial class NativeCalls
{
    [LibraryImport("libc", EntryPoint = "pause")]
    public static partial int Pause();

    [LibraryImport("libc", EntryPoint = "raise")]
    public static partial int Raise(int signal);
}
