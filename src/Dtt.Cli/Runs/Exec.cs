using System.Collections;
using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Dtt.Cli.Runs;

/// <summary>This process as another program: whoever started it has that one by its number, its signals and its exit code.</summary>
internal static partial class Exec
{
    /// <summary>Never returns.</summary>
    /// <exception cref="Win32Exception">The program cannot be started.</exception>
    public static void Become(string program, params string[] arguments)
    {
        string?[] environment = [.. Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Select(v => $"{v.Key}={v.Value}"), null];
        _ = Execute(program, [program, .. arguments, null], environment);
        throw new Win32Exception(Marshal.GetLastPInvokeError(), $"{program} cannot be started");
    }

    [LibraryImport("libc", EntryPoint = "execve", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Execute(string program, string?[] arguments, string?[] environment);
}
