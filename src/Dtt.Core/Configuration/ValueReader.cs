using System.Globalization;

namespace Dtt.Core.Configuration;

/// <summary>Turns a YAML scalar into the type its key asks for, and back.</summary>
internal static class ValueReader
{
    /// <summary>The typed value, or null with <paramref name="error"/> saying what was expected.</summary>
    public static object? Read(ConfigKey key, YamlNode node, out string? error)
    {
        error = null;
        if (key.Word is not null && node.Scalar == key.Word) return key.Word;
        object? value = key.Kind switch
        {
            KeyKind.Integer => ReadInteger(node),
            KeyKind.Number => ReadNumber(node),
            KeyKind.Boolean => ReadBoolean(node),
            KeyKind.Text => node.Scalar,
            KeyKind.Path => node.Scalar is { Length: > 0 } path ? UserPath.Full(path) : null,
            KeyKind.Numbers => ReadNumbers(node),
            KeyKind.Texts => ReadTexts(node),
            _ => throw new InvalidOperationException($"no reader for {key.Kind}"),
        };
        if (value is null)
        {
            error = $"'{key.Name}' must be {Expected(key)}, not {node.Shown}.";
            return null;
        }

        var number = value switch { long i => i, double d => d, _ => (double?)null };
        if (number is { } n && (n < key.Min || n > key.Limit || (key.MinExclusive && n <= key.Min) || !double.IsFinite(n)))
            error = $"'{key.Name}' is {node.Scalar}, but must be {Expected(n > key.Limit ? key with { Max = key.Limit } : key)}.";
        else if (value is string text && key.Choices.Count > 0 && !key.Choices.Contains(text))
            error = $"'{key.Name}' is '{text}', but must be {Expected(key)}.{Spelling.Hint(text, key.Choices)}";
        return error is null ? value : null;
    }

    /// <summary>The value as YAML.</summary>
    public static string Write(object value) => value switch
    {
        bool b => b ? "true" : "false",
        double d => d.ToString("R", CultureInfo.InvariantCulture),
        long i => i.ToString(CultureInfo.InvariantCulture),
        string s => Quote(s),
        IReadOnlyList<double> list => $"[{string.Join(", ", list.Select(d => d.ToString("R", CultureInfo.InvariantCulture)))}]",
        IReadOnlyList<string> list => $"[{string.Join(", ", list.Select(Quote))}]",
        IReadOnlyList<DatasetShare> datasets => MixtureKeys.Write(datasets),
        IReadOnlyList<MixtureStage> stages => MixtureKeys.Write(stages),
        _ => throw new InvalidOperationException($"no YAML for {value.GetType()}"),
    };

    /// <summary>
    /// Text on one line of a YAML file: what YAML takes for the end of a line, and what it does not take at all, as escapes (YAML 1.2.2, sections 5.1, 5.7).
    /// </summary>
    public static string Printable(string text) =>
        string.Concat(text.Select(c => char.IsControl(c) || c is '\u2028' or '\u2029' or '\uFEFF' or >= '\uFFFE' ? $"\\u{(int)c:X4}" : c.ToString()));

    private static string Expected(ConfigKey key)
    {
        if (key.Choices.Count > 0) return $"one of {string.Join(", ", key.Choices)}";
        var noun = key.Kind switch
        {
            KeyKind.Integer when key.Word is { } word => $"{word}, or a whole number",
            KeyKind.Integer => "a whole number",
            KeyKind.Number => "a number",
            KeyKind.Boolean => "true or false",
            KeyKind.Text => "a text",
            KeyKind.Path => "a path",
            KeyKind.Texts => "a list of texts",
            _ => "a list of numbers",
        };
        var low = key.Min is { } min ? $"{(key.MinExclusive ? "above" : "at least")} {min.ToString(CultureInfo.InvariantCulture)}" : null;
        var high = key.MaxText is { } max ? $"at most {max}" : null;
        return (low, high) switch
        {
            (null, null) => noun,
            (null, _) => $"{noun} {high}",
            (_, null) => $"{noun} {low}",
            _ => $"{noun} {low} and {high}",
        };
    }

    /// <summary>A whole number, also with an exponent: <c>1e6</c>.</summary>
    private static object? ReadInteger(YamlNode node)
    {
        if (node is not { Scalar: { } text, Quoted: false }) return null;
        if (long.TryParse(text.Replace("_", ""), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole)) return whole;
        var exponent = text.Contains('e', StringComparison.OrdinalIgnoreCase);
        return exponent && ReadNumber(node) is double d && d == Math.Floor(d) && Math.Abs(d) < 1e15 ? (long)d : null;
    }

    private static object? ReadNumber(YamlNode node) =>
        node is { Scalar: { } s, Quoted: false } && double.TryParse(s.Replace("_", ""), NumberStyles.Float, CultureInfo.InvariantCulture, out var d)
            ? d : null;

    private static object? ReadBoolean(YamlNode node) => node is { Scalar: { } s, Quoted: false }
        ? s.ToLowerInvariant() switch { "true" or "yes" or "on" => true, "false" or "no" or "off" => false, _ => null }
        : (object?)null;

    private static IReadOnlyList<double>? ReadNumbers(YamlNode node)
    {
        if (node.Items is not { } items)
            return node.Scalar is ['[', .. var inner, ']'] && inner.Length > 0
                ? ReadNumbers(new YamlNode(node.Line) { Items = [.. inner.Split(',').Select(i => new YamlNode(node.Line) { Scalar = i.Trim() })] })
                : null;
        var numbers = new List<double>();
        foreach (var item in items)
        {
            if (ReadNumber(item) is not double d) return null;
            numbers.Add(d);
        }

        return numbers;
    }

    private static IReadOnlyList<string>? ReadTexts(YamlNode node) =>
        node.Items is { } items && items.All(i => i.Scalar is not null) ? [.. items.Select(i => i.Scalar!)] : null;

    private static string Quote(string text)
    {
        var plain = text.Length > 0 && (char.IsAsciiLetter(text[0]) || text[0] is '.' or '/' or '_')
            && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.' or '/' or '+')
            && ReadBoolean(new YamlNode(0) { Scalar = text }) is null && text is not "null" and not "~" and not "Null" and not "NULL"
            && ReadNumber(new YamlNode(0) { Scalar = text }) is null;
        if (plain) return text;
        var quoted = text.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n").Replace("\r", "\\r").Replace("\t", "\\t");
        return $"\"{Printable(quoted)}\"";
    }
}
