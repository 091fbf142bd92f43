using System.Runtime.InteropServices;

namespace Dtt.Tests;

internal static partial class Native
{
    public const int SigInt = 2, SigKill = 9, SigTerm = 15, SigCont = 18, SigStop = 19;

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    public static partial int Kill(int process, int signal);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    public static partial uint UserId();
}
