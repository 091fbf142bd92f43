using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Dtt.Core.Configuration;

/// <summary>
/// The values of one key table after defaults, file and command line were laid over each other: typed, checked, and each with
/// the place it came from.
/// </summary>
public sealed class ConfigValues
{
    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _origins = new(StringComparer.Ordinal);

    internal ConfigValues(IReadOnlyList<ConfigKey> keys)
    {
        Keys = keys;
        foreach (var key in keys)
            _values[key.Name] = key.Default is null ? null : ValueReader.Read(key, new YamlNode(0) { Scalar = key.Default }, out _);
    }

    /// <summary>The key table.</summary>
    public IReadOnlyList<ConfigKey> Keys { get; }

    /// <summary>The keys that a file or the command line set, each with its place (<c>configs/config.yaml:14</c>, <c>--set</c>).</summary>
    public IReadOnlyDictionary<string, string> Origins => _origins;

    internal void Set(ConfigKey key, object? value, string origin)
    {
        _values[key.Name] = value;
        _origins[key.Name] = origin;
    }

    internal void Unset(string name)
    {
        _values[name] = null;
        _origins.Remove(name);
    }

    /// <summary>Whether a file or the command line set the key.</summary>
    public bool IsSet(string name) => _origins.ContainsKey(name);

    /// <summary>Where the key's value comes from, for errors.</summary>
    public string Origin(string name) => _origins.GetValueOrDefault(name, "default");

    /// <summary>The value of an integer key.</summary>
    public int Int(string name) => checked((int)(long)_values[name]!);

    /// <summary>Whether an integer key has its word instead of a number.</summary>
    public bool IsWord(string name) => _values[name] is string;

    /// <summary>The value of an integer key, or null where its word stands instead.</summary>
    public int? IntOrWord(string name) => IsWord(name) ? null : Int(name);

    /// <summary>The value of an integer key that may exceed 31 bits.</summary>
    public long Long(string name) => (long)_values[name]!;

    /// <summary>The value of an integer key that may be unset.</summary>
    public long? LongOrNull(string name) => (long?)_values[name];

    /// <summary>The value of a number key.</summary>
    public double Double(string name) => (double)_values[name]!;

    /// <summary>The value of a number key that may be unset.</summary>
    public double? DoubleOrNull(string name) => (double?)_values[name];

    /// <summary>The value of a boolean key.</summary>
    public bool Bool(string name) => (bool)_values[name]!;

    /// <summary>The value of a boolean key that may be unset.</summary>
    public bool? BoolOrNull(string name) => (bool?)_values[name];

    /// <summary>The value of a text key.</summary>
    public string Text(string name) => (string)_values[name]!;

    /// <summary>The value of a text key that may be unset.</summary>
    public string? TextOrNull(string name) => (string?)_values[name];

    /// <summary>The value of a list key.</summary>
    public IReadOnlyList<double> Numbers(string name) => (IReadOnlyList<double>)_values[name]!;

    /// <summary>The value of a list of texts; none when unset.</summary>
    public IReadOnlyList<string> Texts(string name) => (IReadOnlyList<string>?)_values[name] ?? [];

    /// <summary>The value of a list of datasets, or null.</summary>
    public IReadOnlyList<DatasetShare>? Shares(string name) => (IReadOnlyList<DatasetShare>?)_values[name];

    /// <summary>The value of a list of stages, or null.</summary>
    public IReadOnlyList<MixtureStage>? Stages(string name) => (IReadOnlyList<MixtureStage>?)_values[name];

    /// <summary>The value as JSON, null when unset.</summary>
    public JsonNode? Json(string name) => _values[name] switch
    {
        null => null,
        long i => i,
        double d => d,
        bool b => b,
        string s => s,
        IReadOnlyList<double> list => new JsonArray([.. list.Select(d => (JsonNode)d)]),
        IReadOnlyList<string> list => new JsonArray([.. list.Select(s => (JsonNode)s)]),
        IReadOnlyList<DatasetShare> datasets => MixtureKeys.Json(datasets),
        IReadOnlyList<MixtureStage> stages => MixtureKeys.Json(stages),
        var other => throw new InvalidOperationException($"no JSON for {other.GetType()}"),
    };

    /// <summary>The value as text for a path template, or null when there is no such key or it is unset.</summary>
    public string? TemplateValue(string name) =>
        _values.GetValueOrDefault(name) is { } value and (string or long or double or bool)
            ? Convert.ToString(value, CultureInfo.InvariantCulture) : null;

    /// <summary>
    /// The values as YAML, in the table's order, without unset keys and those that do nothing: it loads to the same values. A comment tells where
    /// each value that is not the default comes from.
    /// </summary>
    public string ToYaml()
    {
        var yaml = new StringBuilder();
        string[] open = [];
        foreach (var key in Keys)
        {
            if (_values[key.Name] is not { } value || key.LostMeaning is not null) continue;
            var path = key.Name.Split('.');
            for (var depth = 0; depth < path.Length - 1; depth++)
            {
                if (depth < open.Length && open.AsSpan(0, depth + 1).SequenceEqual(path.AsSpan(0, depth + 1))) continue;
                yaml.Append(' ', depth * 2).Append(path[depth]).Append(":\n");
            }

            open = path[..^1];
            yaml.Append(' ', open.Length * 2).Append(path[^1]).Append(": ").Append(ValueReader.Write(value));
            if (_origins.TryGetValue(key.Name, out var origin)) yaml.Append(" # ").Append(ValueReader.Printable(origin));
            yaml.Append('\n');
        }

        return yaml.ToString();
    }
}
