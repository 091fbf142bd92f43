using Dtt.Core.Errors;

namespace Dtt.Core.Configuration;

/// <summary>
/// Lays a file and then command-line values over a key table's defaults. Unknown, duplicate and ill-typed keys are errors with
/// file, line and the nearest known key; all of them are collected before the caller throws.
/// </summary>
public sealed class ConfigReader(IReadOnlyList<ConfigKey> keys)
{
    private readonly Dictionary<string, ConfigKey> _byName = keys.ToDictionary(k => k.Name, StringComparer.Ordinal);
    private readonly List<string> _errors = [];
    private readonly List<string> _notes = [];

    /// <summary>The values so far.</summary>
    public ConfigValues Values { get; } = new(keys);

    /// <summary>What was wrong, one line each.</summary>
    public IList<string> Errors => _errors;

    /// <summary>What the user should know though it is no error: keys that lost their meaning.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>Reads a YAML file over the defaults.</summary>
    /// <exception cref="ConfigurationException">The file is missing or is not a YAML mapping.</exception>
    public ConfigReader ReadFile(string path)
    {
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var reason = e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : e.Message;
            throw new ConfigurationException($"{path}: cannot be read: {reason}. Name a configuration with -c FILE.");
        }

        return ReadText(text, path);
    }

    /// <summary>Reads YAML text over the defaults; <paramref name="source"/> names it in errors.</summary>
    /// <exception cref="ConfigurationException">The text is not a YAML mapping.</exception>
    public ConfigReader ReadText(string text, string source)
    {
        var root = YamlReader.Read(text, source);
        if (root.Entries is null)
            throw new ConfigurationException($"{source}:{root.Line}: a configuration is a list of 'key: value' lines, not {root.Shown}.");
        return ReadNode(root, source);
    }

    /// <summary>Reads a block of keys over the defaults.</summary>
    internal ConfigReader ReadNode(YamlNode block, string source)
    {
        ReadEntries(block.Entries!, "", source, []);
        return this;
    }

    /// <summary>Sets one key from the command line; the last setting of a key wins, also to 0 and false.</summary>
    /// <param name="name">The dotted key.</param>
    /// <param name="value">The value as YAML.</param>
    /// <param name="option">The option it came by, for errors.</param>
    public ConfigReader SetFromCommandLine(string name, string value, string option)
    {
        if (!_byName.TryGetValue(name, out var key))
        {
            _errors.Add($"{option}: unknown key '{name}'.{Spelling.Hint(name, _byName.Keys)}");
            return this;
        }

        // A text option means exactly what was typed; everything else is read as the YAML file's values are.
        var asTyped = key.Kind is KeyKind.Text or KeyKind.Path || value.Length == 0;
        var node = asTyped ? new YamlNode(0) { Scalar = value, Quoted = true } : YamlReader.Read(value, option);
        Read(key, node, option, option);
        return this;
    }

    /// <summary>Sets the keys that neither a file nor the command line set.</summary>
    /// <param name="values">Dotted keys and their values as YAML.</param>
    /// <param name="origin">Where they come from, for errors and the resolved configuration.</param>
    public ConfigReader SetUnlessSet(IReadOnlyDictionary<string, string> values, string origin)
    {
        foreach (var (name, value) in values.Where(v => !Values.IsSet(v.Key))) SetFromCommandLine(name, value, origin);
        return this;
    }

    /// <summary>Puts another value in the place of one that was set.</summary>
    internal void Replace(string name, object value) => Values.Set(_byName[name], value, Values.Origin(name));

    /// <summary>Throws when anything was wrong.</summary>
    /// <exception cref="ConfigurationException">With every error found.</exception>
    public void ThrowIfWrong()
    {
        if (_errors.Count > 0) throw new ConfigurationException(_errors);
    }

    private void ReadEntries(IReadOnlyList<YamlEntry> entries, string prefix, string source, Dictionary<string, int> seen)
    {
        foreach (var entry in entries)
        {
            var name = prefix + entry.Key;
            if (!seen.TryAdd(name, entry.Line))
            {
                _errors.Add($"{source}:{entry.Line}: '{name}' is set a second time; the first is on line {seen[name]}. Keep one.");
                continue;
            }

            var nested = _byName.Keys.Any(k => k.StartsWith(name + ".", StringComparison.Ordinal));
            if (nested && entry.Value.Entries is { } inner) ReadEntries(inner, name + ".", source, seen);
            else if (nested && entry.Value.IsNull) continue;
            else if (nested) _errors.Add($"{source}:{entry.Line}: '{name}' holds keys ({string.Join(", ", Children(name))}), not {entry.Value.Shown}.");
            else if (_byName.TryGetValue(name, out var key)) Read(key, entry.Value, $"{source}:{entry.Value.Line}", source);
            else _errors.Add($"{source}:{entry.Line}: unknown key '{name}'.{Hint(entry.Key, prefix)}");
        }
    }

    private string Hint(string word, string prefix)
    {
        if (Spelling.Hint(word, Children(prefix.TrimEnd('.'))) is { Length: > 0 } typo) return typo;
        var elsewhere = _byName.Keys.FirstOrDefault(k => k.EndsWith("." + word, StringComparison.Ordinal));
        return elsewhere is null ? "" : $" It belongs under '{elsewhere[..elsewhere.LastIndexOf('.')]}'.";
    }

    private IEnumerable<string> Children(string parent)
    {
        var start = parent.Length == 0 ? 0 : parent.Length + 1;
        return _byName.Keys
            .Where(k => parent.Length == 0 || k.StartsWith(parent + ".", StringComparison.Ordinal))
            .Select(k => k[start..].Split('.')[0])
            .Distinct();
    }

    private void Read(ConfigKey key, YamlNode node, string origin, string source)
    {
        if (node.IsNull)
        {
            if (key.Default is null) Values.Set(key, null, origin);
            return;
        }

        if (key.Kind is KeyKind.Datasets or KeyKind.Stages)
        {
            if (MixtureKeys.Read(key, node, source, _errors) is { } mixture) Values.Set(key, mixture, origin);
            return;
        }

        var value = ValueReader.Read(key, node, out var error);
        if (key.LostMeaning is { } lost) _notes.Add($"{origin}: '{key.Name}' {lost}");
        else if (error is not null) _errors.Add($"{origin}: {error}");
        else Values.Set(key, value, origin);
    }
}
