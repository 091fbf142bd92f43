using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Dtt.Tests;

namespace Dtt.Training.Tests;

/// <summary>Libraries that tests compile for themselves.</summary>
internal static class NativeBuild
{
    /// <summary>A source as a loaded library, or why there is none: no such compiler is here.</summary>
    public static (nint Handle, string? WhyNot) Load(string compiler, string source, params string[] options)
    {
        using var folder = new TempFolder();
        try
        {
            string[] arguments = ["-shared", "-fPIC", "-O1", .. options, "-o", folder["library.so"], source];
            using var process = Process.Start(compiler, arguments);
            process.WaitForExit();
            if (process.ExitCode != 0) throw new InvalidOperationException($"{compiler} ended with {process.ExitCode} on {source}");
            return (NativeLibrary.Load(folder["library.so"]), null);
        }
        catch (Win32Exception)
        {
            return (0, $"there is no compiler '{compiler}' here");
        }
    }
}
