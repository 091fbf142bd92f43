using System.Globalization;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;

namespace Dtt.Core.Alerts;

/// <summary><c>platform.yaml</c> in <c>DTT_HOME</c>: what the silos of a platform have in common. It may be absent.</summary>
public static class PlatformFile
{
    private const double MaxSeconds = 1e7;
    private const string ProgramAndArguments = "a list of a program and its arguments, such as [/usr/bin/logger, -t, dtt]";
    private static readonly string[] _keys = ["webhook", "command", "on", "waiting_after"];
    private static readonly string[] _kinds = [.. Enum.GetNames<AlertKind>().Select(k => k.ToLowerInvariant())];

    /// <summary>Reads the file; no rules where there is none.</summary>
    /// <exception cref="ConfigurationException">It is wrong; with every error found. No error shows a webhook's address.</exception>
    /// <exception cref="IOException">It cannot be read now.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static IReadOnlyList<AlertRule> Read(string path)
    {
        try
        {
            return Parse(File.ReadAllText(path), path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return [];
        }
    }

    /// <summary>Reads YAML text; <paramref name="source"/> names it in errors.</summary>
    /// <exception cref="ConfigurationException">It is wrong; with every error found.</exception>
    public static IReadOnlyList<AlertRule> Parse(string text, string source)
    {
        var errors = new List<string>();
        var root = YamlReader.Read(text, source);
        if (root.Entries is null) throw new ConfigurationException($"{source}:{root.Line}: the file is a list of 'key: value' lines, such as 'alerts:'.");
        var rules = new List<AlertRule>();
        foreach (var (key, node) in EntriesOf(root, "", ["alerts"], source, errors))
        {
            if (node.IsNull) continue;
            if (node.Items is null)
                errors.Add($"{source}:{node.Line}: '{key}' must be a list; begin each alert with '- webhook: URL' or '- command: [program]'.");
            else rules.AddRange(node.Items.Select(i => ReadRule(i, source, errors)));
        }

        return errors.Count == 0 ? rules : throw new ConfigurationException(errors);
    }

    private static AlertRule ReadRule(YamlNode node, string source, List<string> errors)
    {
        var rule = new AlertRule { Origin = $"{source}:{node.Line}" };
        if (node.Entries is null)
        {
            errors.Add($"{source}:{node.Line}: an alert is a block of keys ({string.Join(", ", _keys)}).");
            return rule;
        }

        var entries = EntriesOf(node, "alerts: ", _keys, source, errors);
        if (entries.ContainsKey("webhook") == entries.ContainsKey("command"))
            errors.Add($"{source}:{node.Line}: an alert has either 'webhook' or 'command'; write a second alert for the other.");
        foreach (var (key, value) in entries)
        {
            var where = $"{source}:{value.Line}: alerts: '{key}'";
            rule = key switch
            {
                "webhook" => rule with { Webhook = ReadAddress(value, where, errors) },
                "command" => rule with { Command = ReadTexts(value, where, ProgramAndArguments, errors) },
                "on" => rule with { On = ReadKinds(value, where, errors) },
                _ => rule with { WaitingAfter = ReadSeconds(value, where, errors) },
            };
        }

        return rule;
    }

    private static Dictionary<string, YamlNode> EntriesOf(YamlNode node, string prefix, string[] known, string source, List<string> errors)
    {
        var entries = new Dictionary<string, YamlNode>(StringComparer.Ordinal);
        foreach (var (key, line, value) in node.Entries!)
        {
            if (!known.Contains(key))
                errors.Add($"{source}:{line}: {prefix}unknown key '{key}'.{Spelling.Hint(key, known)} It takes {string.Join(", ", known)}.");
            else if (!entries.TryAdd(key, value))
                errors.Add($"{source}:{line}: {prefix}'{key}' is set a second time; the first is on line {entries[key].Line}. Keep one.");
        }

        return entries;
    }

    private static Uri? ReadAddress(YamlNode node, string where, List<string> errors)
    {
        if (Uri.TryCreate(node.Scalar, UriKind.Absolute, out var address) && address.Scheme is "https" or "http") return address;
        errors.Add($"{where} must be an address that begins with https:// or http://.");
        return null;
    }

    private static IReadOnlyList<string> ReadTexts(YamlNode node, string where, string expected, List<string> errors)
    {
        if (node.Items is { Count: > 0 } items && items.All(i => i.Scalar is { Length: > 0 })) return [.. items.Select(i => i.Scalar!)];
        errors.Add($"{where} must be {expected}.");
        return [];
    }

    private static HashSet<AlertKind> ReadKinds(YamlNode node, string where, List<string> errors)
    {
        var kinds = new HashSet<AlertKind>();
        foreach (var word in ReadTexts(node, where, $"a list of some of {string.Join(", ", _kinds)}", errors))
        {
            if (_kinds.Contains(word)) kinds.Add(Enum.Parse<AlertKind>(word, ignoreCase: true));
            else errors.Add($"{where} has '{word}', and takes {string.Join(", ", _kinds)}.{Spelling.Hint(word, _kinds)}");
        }

        return kinds;
    }

    private static TimeSpan ReadSeconds(YamlNode node, string where, List<string> errors)
    {
        var number = double.TryParse(node.Scalar, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) && !node.Quoted;
        if (number && seconds is > 0 and <= MaxSeconds) return TimeSpan.FromSeconds(seconds);
        errors.Add($"{where} is {node.Shown}, and must be seconds, above 0 and at most {MaxSeconds:N0}.");
        return default;
    }
}
