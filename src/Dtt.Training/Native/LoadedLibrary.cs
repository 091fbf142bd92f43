using System.Runtime.InteropServices;

namespace Dtt.Training.Native;

/// <summary>Libraries that are in this process already: calls beside torch's must go to the very copies that torch uses.</summary>
internal static partial class LoadedLibrary
{
    /// <summary>The file of a loaded library whose name starts so, or null.</summary>
    public static string? PathOf(string name) => File.ReadLines("/proc/self/maps")
        .Select(line => line.IndexOf('/') is var at and >= 0 ? line[at..] : "")
        .FirstOrDefault(path => Path.GetFileName(path).StartsWith(name, StringComparison.Ordinal));

    /// <summary>A path without symbolic links in it: a library looks for others beside itself by the path under which it was loaded.</summary>
    public static string RealPath(string path)
    {
        var real = Resolve(path, 0);
        if (real == 0) return path;
        try
        {
            return Marshal.PtrToStringUTF8(real)!;
        }
        finally
        {
            Free(real);
        }
    }

    /// <summary>Its handle, or null when nothing of that name is loaded.</summary>
    public static nint? Handle(string name) => PathOf(name) is { } path && NativeLibrary.TryLoad(path, out var handle) ? handle : null;

    [LibraryImport("libc", EntryPoint = "realpath", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint Resolve(string path, nint buffer);

    [LibraryImport("libc", EntryPoint = "free")]
    private static partial void Free(nint memory);
}
