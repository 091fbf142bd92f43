using System.Runtime.InteropServices;
using Dtt.Core.Platform;

namespace Dtt.Silo.Hosting;

/// <summary>Leaves the terminal that started the silo: a session of its own, the working folder <c>/</c>, standard output in the log file.</summary>
internal static partial class Daemon
{
    private const int OpenWriteCreateAppend = 0x1 | 0x40 | 0x400; // O_WRONLY | O_CREAT | O_APPEND
    private const int OwnerOnly = 0x180;                          // 0600
    private const long LargestLog = 16 << 20;

    /// <summary>Detaches all but standard error, on which the start is reported.</summary>
    public static void Detach(string logFile)
    {
        _ = SetSession();
        Directory.SetCurrentDirectory("/");
        if (File.Exists(logFile) && new FileInfo(logFile).Length > LargestLog) File.Move(logFile, logFile + ".1", overwrite: true);
        Redirect(Open("/dev/null", 0, 0), 0);
        Redirect(Open(logFile, OpenWriteCreateAppend, OwnerOnly), 1);
    }

    /// <summary>Reports to whoever started the silo that it accepts clients; from here on standard error goes to the log file too.</summary>
    public static void Ready()
    {
        Console.Error.WriteLine(SiloAnnouncement.ReadyLine);
        _ = Duplicate(1, 2);
    }

    private static void Redirect(int from, int to)
    {
        if (from < 0) return;
        _ = Duplicate(from, to);
        _ = Close(from);
    }

    [LibraryImport("libc", EntryPoint = "setsid")]
    private static partial int SetSession();

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "dup2")]
    private static partial int Duplicate(int from, int to);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
