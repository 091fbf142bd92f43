namespace Dtt.Data.Hub;

/// <summary>
/// The cache of Hugging Face's programs: content by name in <c>blobs</c>, commits as links to it in <c>snapshots</c>, branches in <c>refs</c>.
/// </summary>
/// <param name="cache">The cache's folder, or null for none.</param>
/// <param name="repository">The repository.</param>
internal sealed class HubCache(string? cache, string repository)
{
    private readonly string? _folder = cache is null ? null : Path.Combine(cache, "datasets--" + repository.Replace("/", "--", StringComparison.Ordinal));

    /// <summary>A file's content, or null.</summary>
    public string? Find(HubFile file) => _folder is not null
        && new FileInfo(Path.Combine(_folder, "blobs", file.ContentName)) is { Exists: true } blob && blob.Length == file.Bytes ? blob.FullName : null;

    /// <summary>The commit that a revision named when it was last looked up, or null.</summary>
    public string? CommitOf(string revision)
    {
        if (_folder is null) return null;
        if (Directory.Exists(Path.Combine(_folder, "snapshots", revision))) return revision;
        var file = Path.Combine([_folder, "refs", .. revision.Split('/')]);
        return File.Exists(file) ? File.ReadAllText(file).Trim() : null;
    }

    /// <summary>The files of a commit that are there, by their paths.</summary>
    public IReadOnlyList<HubFile> List(string commit)
    {
        var root = _folder is null ? null : Path.Combine(_folder, "snapshots", commit);
        if (root is null || !Directory.Exists(root)) return [];
        var files = new List<HubFile>();
        foreach (var info in new DirectoryInfo(root).EnumerateFiles("*", SearchOption.AllDirectories))
        {
            if (info.ResolveLinkTarget(returnFinalTarget: true) is not FileInfo { Exists: true } blob) continue;
            var path = Path.GetRelativePath(root, info.FullName).Replace(Path.DirectorySeparatorChar, '/');
            if (blob.Name.Length is 40 or 64 && blob.Name.All(char.IsAsciiHexDigitLower))
                files.Add(new HubFile(path, blob.Length, blob.Name.Length == 64 ? blob.Name : null, blob.Name));
        }

        return [.. files.OrderBy(f => f.Path, StringComparer.Ordinal)];
    }
}
