using System.Text;
using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Core.Configuration;

/// <summary>Files of text: what they are called, and how their documents are separated by default.</summary>
public static class TextFiles
{
    private const int Head = 1 << 20;

    /// <summary>The text files at a path, in their order: the file itself, or those in the folder and its folders.</summary>
    /// <exception cref="BadDataException">It is, or has, a link that leads nowhere.</exception>
    public static IReadOnlyList<string> In(string path)
    {
        FolderFiles.RequireTarget(path);
        if (File.Exists(path)) return IsText(path) ? [path] : [];
        if (!Directory.Exists(path)) return [];
        return [.. FolderFiles.Of(path).Files.Where(IsText)];
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
