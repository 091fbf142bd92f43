namespace Dtt.Core.Configuration;

/// <summary>A path as a user writes it: <c>~</c> is their home, and what is relative is relative to where the command runs.</summary>
public static class UserPath
{
    /// <summary>The path with a leading <c>~</c> replaced.</summary>
    public static string Expand(string path) =>
        path is "~" or ['~', '/', ..] ? Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) + path[1..] : path;

    /// <summary>The absolute path, without a separator at its end.</summary>
    public static string Full(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(Expand(path)));
}
