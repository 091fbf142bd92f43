using Dtt.Core.Errors;

namespace Dtt.Core.Storage;

/// <summary>The files in a folder and its folders: each once, whatever links lead to it, under its own name before that of a link.</summary>
/// <param name="Files">Their paths, in order.</param>
/// <param name="Hidden">Files and folders whose name begins with a dot: they are left out, and folders are not looked into.</param>
public sealed record FolderFiles(IReadOnlyList<string> Files, IReadOnlyList<string> Hidden)
{
    /// <summary>Lists a folder.</summary>
    /// <exception cref="BadDataException">A link leads nowhere.</exception>
    public static FolderFiles Of(string folder)
    {
        var (files, hidden) = (new Dictionary<string, string>(), new List<string>());
        var (folders, links, walked) = (new Stack<string>(), new Queue<string>(), new HashSet<string>());
        folders.Push(folder);
        while (folders.TryPop(out var next) || links.TryDequeue(out next))
        {
            RequireTarget(next);
            var real = FileSystem.RealPath(next) ?? throw Unreadable(next);
            if (!Directory.Exists(next)) _ = files.TryAdd(real, next);
            if (!Directory.Exists(next) || !walked.Add(real)) continue;
            foreach (var entry in new DirectoryInfo(next).EnumerateFileSystemInfos().OrderBy(e => e.Name, StringComparer.Ordinal))
            {
                var path = Path.Combine(next, entry.Name);
                if (entry.Name.StartsWith('.')) hidden.Add(path);
                else if (entry.LinkTarget is not null) links.Enqueue(path);
                else if (entry is DirectoryInfo) folders.Push(path);
                else if (!entry.Exists) throw Unreadable(path);
                else files[Path.Combine(real, entry.Name)] = path;
            }
        }

        return new FolderFiles([.. files.Values.Order(StringComparer.Ordinal)], [.. hidden.Order(StringComparer.Ordinal)]);
    }

    private static BadDataException Unreadable(string path) =>
        new($"{path} cannot be read: its name is not UTF-8, or it was removed just now. Rename it, or move it elsewhere.");

    /// <summary>Refuses a link that leads nowhere.</summary>
    /// <exception cref="BadDataException">It does.</exception>
    public static void RequireTarget(string path)
    {
        if (new FileInfo(path).LinkTarget is not { } target || FileSystem.RealPath(path) is not null) return;
        throw new BadDataException($"{path} is a link to {target}, which is not there (or leads back to the link). Bring that back, or remove the link.");
    }
}
