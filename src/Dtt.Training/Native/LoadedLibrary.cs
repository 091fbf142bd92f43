using System.Runtime.InteropServices;

namespace Dtt.Training.Native;

/// <summary>Libraries that are in this process already: calls beside torch's must go to the very copies that torch uses.</summary>
internal static class LoadedLibrary
{
    /// <summary>The file of a loaded library whose name starts so, or null.</summary>
    public static string? PathOf(string name) => File.ReadLines("/proc/self/maps")
        .Select(line => line.IndexOf('/') is var at and >= 0 ? line[at..] : "")
        .FirstOrDefault(path => Path.GetFileName(path).StartsWith(name, StringComparison.Ordinal));

    /// <summary>Its handle, or null when nothing of that name is loaded.</summary>
    public static nint? Handle(string name) => PathOf(name) is { } path && NativeLibrary.TryLoad(path, out var handle) ? handle : null;
}
