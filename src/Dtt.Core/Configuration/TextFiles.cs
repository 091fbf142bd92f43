using System.Text;
using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Core.Configuration;

/// <summary>Files of text: what they are called, and how their documents are separated by default.</summary>
public static class TextFiles
{
    private const int Head = FileMagic.JsonBytes;

    /// <summary>The text files at a path, in their order: the file itself, or those in the folder and its folders.</summary>
    /// <exception cref="BadDataException">It is, or has, a link that leads nowhere.</exception>
    public static IReadOnlyList<string> In(string path)
    {
        FolderFiles.RequireTarget(path);
        if (File.Exists(path)) return IsText(path) ? [path] : [];
        if (!Directory.Exists(path)) return [];
        return Choose(FolderFiles.Of(path).Files).Texts;
    }

    /// <summary>
    /// The files of a folder that are its text: plain text and JSON lines; where there are none, Parquet and Arrow; where there are none of these either,
    /// JSON, separated values and compressed files without an ending, which hold settings, figures and backups more often than documents.
    /// </summary>
    /// <param name="files">All files of the folder and its folders, in order.</param>
    /// <exception cref="BadDataException">A file of a saved dataset is not there.</exception>
    /// <returns>Its text, and the files of other kinds that are left out, both in order.</returns>
    public static (IReadOnlyList<string> Texts, IReadOnlyList<string> Beside) Choose(IEnumerable<string> files)
    {
        var all = SavedDataset.WithoutCaches(files).Select(f => (File: f, Rank: RankOf(f)));
        var ranked = all.Where(f => f.Rank is not null).ToLookup(f => f.Rank, f => f.File);
        var chosen = ranked.Min(g => g.Key);
        return ([.. ranked[chosen]], [.. ranked.Where(g => g.Key != chosen).SelectMany(g => g).Order(StringComparer.Ordinal)]);
    }

    /// <summary>Whether a file is not read where text or tokens lie beside it.</summary>
    public static bool GivesWay(string file) => RankOf(file) > 0;

    private static int? RankOf(string file) => TextFormat.OfFile(file) switch
    {
        null => null,
        { Ending: "", Kind: TextKind.Plain } => 2,
        { Kind: TextKind.Plain or TextKind.JsonLines } or { Kind: TextKind.JsonArray, Compression: not TextCompression.None } => 0,
        { Kind: TextKind.Parquet or TextKind.Arrow } => 1,
        { Kind: TextKind.JsonArray } => HoldsRecords(file) ? 2 : null,
        _ => 2,
    };

    /// <summary>Whether a <c>.json</c> has an array of objects or an object a line; settings are one object.</summary>
    private static bool HoldsRecords(string file)
    {
        var head = new byte[Head];
        return FileMagic.JsonKindOf(head.AsSpan(0, FileMagic.Read(file, head))) is not null;
    }

    /// <summary>A file's or folder's name without its folder and ending: <c>data/wiki.jsonl.gz</c> is <c>wiki</c>.</summary>
    public static string NameOf(string path)
    {
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(path));
        return File.Exists(path) && TextFormat.Of(name) is { } format ? name[..^format.Ending.Length] : name;
    }

    /// <summary>Whether the value of <c>dataset</c> names a text file, or a folder by a path, that is there.</summary>
    public static bool IsNamedBy(string dataset) => (File.Exists(dataset) && IsText(dataset)) || (dataset.Contains('/') && Directory.Exists(dataset));

    /// <summary>
    /// The <c>documents</c> of plain text: <c>blank_lines</c> when its first megabyte has an empty line between others, else <c>lines</c>.
    /// </summary>
    public static string DocumentsOf(Stream stream)
    {
        var head = new byte[Head];
        using var reader = new StringReader(Encoding.Latin1.GetString(head, 0, stream.ReadAtLeast(head, Head, throwOnEndOfStream: false)));
        var (text, gap) = (false, false);
        while (reader.ReadLine() is { } line)
        {
            var empty = string.IsNullOrWhiteSpace(line);
            if (!empty && gap) return "blank_lines";
            (text, gap) = (text || !empty, text && empty);
        }

        return "lines";
    }

    private static bool IsText(string file) => TextFormat.OfFile(file) is not null;
}
