using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Storage;
using Dtt.Data.Tokens;

namespace Dtt.Data.Datasets;

/// <summary>The files that a dataset consists of: of text, or of tokens.</summary>
/// <param name="Paths">The files, absolute, in their order; without empty ones.</param>
/// <param name="Empty">Files without a byte, absolute.</param>
/// <param name="Hidden">Hidden files and folders that were left out, relative to the dataset's folder.</param>
internal sealed record RawFiles(IReadOnlyList<string> Paths, IReadOnlyList<string> Empty, IReadOnlyList<string> Hidden)
{
    /// <summary>Files of other kinds than the folder's text, which are not read, absolute.</summary>
    public IReadOnlyList<string> Beside { get; init; } = [];

    /// <summary>Looks for a dataset's files; none when there is no raw folder.</summary>
    /// <exception cref="BadDataException">Its path is not there, leads nowhere, or has both text and tokens.</exception>
    public static RawFiles Find(DatasetConfig config, string rawFolder)
    {
        var path = Path.GetFullPath(config.Path ?? rawFolder);
        FolderFiles.RequireTarget(path);
        if (File.Exists(path)) return Of(TextFormat.OfFile(path) is not null || TokenFiles.IsOne(path) ? [path] : [], []);
        if (!Directory.Exists(path))
        {
            if (config.Path is null) return Of([], []);
            throw new BadDataException(
                $"there is no file or folder {path}; put your text there, or set 'path:' in the dataset's configuration to where it is.");
        }

        var found = FolderFiles.Of(path);
        var ((texts, beside), tokens) = (TextFiles.Choose(found.Files), found.Files.Where(TokenFiles.IsOne).ToList());
        if (tokens.Count > 0 && texts.All(TextFiles.GivesWay)) (texts, beside) = ([], [.. texts, .. beside]);
        if (texts.Count > 0 && tokens.Count > 0)
        {
            throw new BadDataException($"{path} has both text ({Named(path, texts)}) and token files ({Named(path, tokens)}), and a dataset is one of them. "
                + "Move one of the two elsewhere, or let 'path:' name a folder or file of one kind.");
        }

        var hidden = found.Hidden.Where(h => TextFormat.Of(h) is not null || TokenFiles.IsOne(h) || Directory.Exists(h));
        return Of([.. texts, .. tokens], [.. hidden.Select(h => Path.GetRelativePath(path, h))]) with { Beside = beside };
    }

    private static RawFiles Of(IReadOnlyList<string> files, IReadOnlyList<string> hidden)
    {
        var bySize = files.ToLookup(f => FileSystem.Target(f).Length > 0);
        return new RawFiles([.. bySize[true]], [.. bySize[false]], hidden);
    }

    /// <summary>Files that stand there plain and compressed, or compressed in two ways: they may be one text twice.</summary>
    public static IReadOnlyList<string> Doubled(IReadOnlyList<string> files)
    {
        static string Plain(string file) => TextFormat.Of(file) is { Compression: not TextCompression.None } ? Path.ChangeExtension(file, null) : file;
        return [.. files.GroupBy(Plain, StringComparer.Ordinal).Where(g => g.Count() > 1).SelectMany(g => g)];
    }

    /// <summary>A few of many names, in words.</summary>
    public static string Few(IReadOnlyList<string> names) => string.Join(", ", names.Take(3)) + (names.Count > 3 ? $" and {names.Count - 3:N0} more" : "");

    private static string Named(string folder, IReadOnlyList<string> files) => Few([.. files.Select(f => Path.GetRelativePath(folder, f))]);
}
