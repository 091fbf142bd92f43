namespace Dtt.Tests;

/// <summary>What the kernel says of processes.</summary>
internal static class Processes
{
    /// <summary>Living children of a process.</summary>
    public static List<int> ChildrenOf(int parent) =>
        [.. Directory.EnumerateDirectories("/proc")
            .Select(f => int.TryParse(Path.GetFileName(f), out var id) ? id : 0)
            .Where(id => id > 0 && Stat(id) is { } s && s.Parent == parent && s.State != "Z")];

    /// <summary>Whether a process lives.</summary>
    public static bool Lives(int process) => Stat(process) is { } stat && stat.State != "Z";

    /// <summary>Living processes of the same node as a process, which must have processes of its own (a namespace).</summary>
    public static List<int> InNamespaceOf(int process)
    {
        var own = NamespaceOf(process);
        return [.. Directory.EnumerateDirectories("/proc")
            .Select(f => int.TryParse(Path.GetFileName(f), out var id) ? id : 0)
            .Where(id => id > 0 && NamespaceOf(id) == own && Lives(id))];
    }

    /// <summary>A process's command line; empty when it is gone.</summary>
    public static string CommandLine(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/cmdline").Replace('\0', ' ');
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static string? NamespaceOf(int process)
    {
        try
        {
            return File.ResolveLinkTarget($"/proc/{process}/ns/pid", returnFinalTarget: false)?.Name;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static (string State, int Parent)? Stat(int process)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{process}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return (fields[0], int.Parse(fields[1]));
        }
        catch (IOException)
        {
            return null;
        }
    }
}
