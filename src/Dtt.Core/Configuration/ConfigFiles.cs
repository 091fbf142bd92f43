namespace Dtt.Core.Configuration;

/// <summary>Where configuration files are looked for: the working folder first, then DTT's own folder (<c>DTT_ROOT</c>, set by the launcher).</summary>
public static class ConfigFiles
{
    /// <summary>The file as given when it exists; else its namesake under <c>DTT_ROOT</c> when that exists; else as given.</summary>
    public static string Find(string path)
    {
        if (File.Exists(path) || Environment.GetEnvironmentVariable("DTT_ROOT") is not { Length: > 0 } root) return path;
        var relative = Path.IsPathRooted(path) ? Path.GetRelativePath(Environment.CurrentDirectory, path) : path;
        var fallback = Path.Combine(root, relative);
        return !relative.StartsWith("..", StringComparison.Ordinal) && File.Exists(fallback) ? fallback : path;
    }
}
