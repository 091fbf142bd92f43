using System.Text;
using System.Text.RegularExpressions;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;

namespace Dtt.Data.Hub;

/// <summary>Which files of a repository are a configuration's split: as its card says, else as the names of its files and folders say.</summary>
internal static class HubSelection
{
    private static readonly (string Split, string[] Names)[] _splits =
    [
        ("train", ["train", "training"]), ("validation", ["validation", "valid", "val", "dev"]), ("test", ["test", "testing", "eval", "evaluation"]),
    ];

    /// <summary>The files, in the order in which they are read; none when the repository has no data in a form that is read.</summary>
    /// <param name="repository">The repository, for errors.</param>
    /// <param name="files">Its files, by path.</param>
    /// <param name="cards">The configurations of its card.</param>
    /// <param name="name">The configuration that is wanted, or null for its default.</param>
    /// <param name="split">The split that is wanted, or null for its training part.</param>
    /// <param name="say">Told what is left out.</param>
    /// <exception cref="BadDataException">There is no such configuration or split; those that are there are listed.</exception>
    public static IReadOnlyList<HubFile> Choose(
        string repository, IReadOnlyList<HubFile> files, IReadOnlyList<HubCard> cards, string? name, string? split, Action<string>? say)
    {
        var data = files.Where(f => TextFormat.Of(f.Path) is not null && !Hidden(f.Path)).ToList();
        if (cards.Count == 0) return ByNames(repository, data, name, split, say);
        var card = name is not null ? cards.FirstOrDefault(c => c.Name == name)
            : cards.FirstOrDefault(c => c.IsDefault) ?? cards.FirstOrDefault(c => c.Name == "default") ?? (cards.Count == 1 ? cards[0] : null);
        if (card is null) throw Missing(repository, "name", "configuration", name, [.. cards.Select(c => c.Name)]);
        if (card.Patterns.Count == 0)
            return ByNames(repository, [.. data.Where(f => f.Path.StartsWith(card.Folder, StringComparison.Ordinal))], null, split, say);
        var chosen = SplitOf(repository, split, [.. card.Patterns.Select(p => p.Split).Distinct()]);
        var patterns = card.Patterns.Where(p => p.Split == chosen).Select(p => Glob(p.Pattern)).ToList();
        return [.. data.Where(f => patterns.Any(p => p.IsMatch(f.Path)))];
    }

    /// <summary>The files of the branch to which the Hub converts datasets: <c>CONFIGURATION/SPLIT/0000.parquet</c>.</summary>
    /// <exception cref="BadDataException">As for <see cref="Choose"/>.</exception>
    public static IReadOnlyList<HubFile> OfConversion(string repository, IReadOnlyList<HubFile> files, string? name, string? split)
    {
        var parts = files.Where(f => TextFormat.Of(f.Path) is not null).Select(f => (File: f, Path: f.Path.Split('/'))).Where(p => p.Path.Length == 3).ToList();
        var names = parts.Select(p => p.Path[0]).Distinct().ToList();
        var config = name ?? (names.Contains("default") ? "default" : names.Count == 1 ? names[0] : null);
        if (config is null || !names.Contains(config)) throw Missing(repository, "name", "configuration", name, names);
        static string Whole(string s) => s.StartsWith("partial-", StringComparison.Ordinal) ? s["partial-".Length..] : s;
        var mine = parts.Where(p => p.Path[0] == config).ToList();
        var chosen = SplitOf(repository, split, [.. mine.Select(p => Whole(p.Path[1])).Distinct()]);
        return [.. mine.Where(p => Whole(p.Path[1]) == chosen).Select(p => p.File)];
    }

    private static IReadOnlyList<HubFile> ByNames(string repository, List<HubFile> data, string? name, string? split, Action<string>? say)
    {
        if (data.Count == 0) return [];
        if (name is not null and not "default")
        {
            var folders = data.SelectMany(f => f.Path.Split('/')[..^1]).Distinct().ToList();
            data = [.. data.Where(f => f.Path.Split('/')[..^1].Contains(name))];
            if (data.Count == 0) throw Missing(repository, "name", "configuration (a folder of that name)", name, folders);
        }

        // Where some files name a split, the others describe them.
        var named = data.Where(f => SplitNamedBy(f).Length > 0).ToLookup(SplitNamedBy);
        var bySplit = named.Count > 0 ? named : data.ToLookup(_ => "train");
        var chosen = SplitOf(repository, split, [.. bySplit.Select(s => s.Key)]);
        // Of several forms one is read: the most bytes are the data, and the rest describes them.
        var forms = bySplit[chosen].GroupBy(f => TextFormat.Of(f.Path)!.Ending).OrderByDescending(g => g.Sum(f => f.Bytes)).ToList();
        static string Size(IGrouping<string, HubFile> form) =>
            $"{form.Key} ({form.Count():N0} file{(form.Count() == 1 ? "" : "s")}, {form.Sum(f => f.Bytes):N0} bytes)";
        if (forms.Count > 1)
        {
            say?.Invoke($"{repository}: '{chosen}' is there in several forms; {Size(forms[0])} is read, as the largest, and not "
                + $"{string.Join(", ", forms.Skip(1).Select(Size))}.");
        }

        return [.. forms[0]];
    }

    /// <summary>The split that a file's path names, or nothing.</summary>
    private static string SplitNamedBy(HubFile file) => _splits.FirstOrDefault(s => Regex.IsMatch(
        file.Path, $@"(^|[/._\- ])({string.Join('|', s.Names)})([/._\- 0-9]|$)")).Split ?? "";

    private static string SplitOf(string repository, string? wanted, IReadOnlyList<string> splits)
    {
        var chosen = wanted ?? (splits.Contains("train") ? "train" : splits.Count == 1 ? splits[0] : null);
        return chosen is not null && splits.Contains(chosen) ? chosen : throw Missing(repository, "split", "split", wanted, splits);
    }

    private static BadDataException Missing(string repository, string key, string kind, string? wanted, IReadOnlyList<string> there)
    {
        const int shown = 20;
        var few = string.Join(", ", there.Take(shown)) + (there.Count > shown ? $" and {there.Count - shown:N0} more" : "");
        return new BadDataException(wanted is null
            ? $"{repository} has several of which one must be named with '{key}': {few}."
            : $"{repository} has no {kind} '{wanted}'.{Spelling.Hint(wanted, there)} It has: {few}.");
    }

    private static bool Hidden(string path) =>
        path.Split('/').Any(p => (p.StartsWith('.') && p is not ("." or "..")) || p.StartsWith("__", StringComparison.Ordinal));

    /// <summary>
    /// A pattern of a card: <c>*</c> and <c>?</c> within a folder, <c>**</c> through folders, <c>[abc]</c>, <c>{one,other}</c>; a folder is all that is in it.
    /// </summary>
    private static Regex Glob(string pattern)
    {
        var text = new StringBuilder("^");
        var braces = 0;
        for (var i = 0; i < pattern.Length; i++)
        {
            var c = pattern[i];
            if (c == '*' && pattern.AsSpan(i).StartsWith("**/")) (text, i) = (text.Append("(.*/)?"), i + 2);
            else if (c == '*' && pattern.AsSpan(i).StartsWith("**")) (text, i) = (text.Append(".*"), i + 1);
            else if (c == '*') text.Append("[^/]*");
            else if (c == '?') text.Append("[^/]");
            else if (c == '[' && pattern.IndexOf(']', i + 1) is > 0 and var end)
                (text, i) = (text.Append('[').Append(pattern[(i + 1)..end].Replace('!', '^').Replace(@"\", @"\\")).Append(']'), end);
            else if (c == '{') (text, braces) = (text.Append("(?:"), braces + 1);
            else if (c == '}' && braces > 0) (text, braces) = (text.Append(')'), braces - 1);
            else if (c == ',' && braces > 0) text.Append('|');
            else text.Append(Regex.Escape(c.ToString()));
        }

        for (; braces > 0; braces--) text.Append(')');
        return new Regex(text.Append(pattern.EndsWith('/') ? ".*$" : "(/.*)?$").ToString(), RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
    }
}
