using System.Text;

namespace Dtt.Data.Tales;

/// <summary>
/// A grammar of text. A rule is <c>name: alternative | alternative</c>, continued on indented lines. In an alternative, <c>{rule}</c> is one of
/// that rule's alternatives; <c>{x=rule}</c> chooses once, remembers it as <c>{x}</c> for the rest of the text and writes nothing;
/// <c>{x='words'}</c> remembers just these words; <c>{a rule}</c> writes "a" or "an" before it; <c>{s rule}</c> is its plural; <c>{^rule}</c>
/// starts it with a capital; <c> / </c> starts a new line.
/// </summary>
internal sealed class Grammar
{
    private static readonly (string One, string Many)[] _irregular =
    [
        ("mouse", "mice"), ("goose", "geese"), ("sheep", "sheep"), ("calf", "calves"), ("wolf", "wolves"), ("elk", "elk"), ("bison", "bison"),
        ("fox", "foxes"), ("box", "boxes"), ("ox", "oxen"), ("child", "children"), ("leaf", "leaves"), ("salmon", "salmon"), ("trout", "trout"),
        ("fishwife", "fishwives"), ("wild", "wilds"),
    ];

    private readonly Dictionary<string, string[]> _rules = new(StringComparer.Ordinal);

    public Grammar(TextReader source)
    {
        string? name = null;
        var body = new StringBuilder();
        void Close()
        {
            if (name is not null) _rules.Add(name, [.. body.ToString().Split('|').Select(a => a.Trim()).Where(a => a.Length > 0)]);
            body.Clear();
        }

        while (source.ReadLine() is { } line)
        {
            if (line.Length == 0 || line[0] == '#') continue;
            if (!char.IsWhiteSpace(line[0]))
            {
                Close();
                var colon = line.IndexOf(':');
                name = line[..colon];
                line = line[(colon + 1)..];
            }

            body.Append(' ').Append(line.Trim());
        }

        Close();
    }

    public IReadOnlyDictionary<string, string[]> Rules => _rules;

    /// <summary>One text of a rule; the same state of <paramref name="random"/> gives the same text.</summary>
    public string Expand(string rule, TaleRandom random)
    {
        var text = new StringBuilder();
        ExpandRule(rule, random, [], text, depth: 0);
        return Capitalize(text.Replace(" / ", "\n"));
    }

    private void ExpandRule(string rule, TaleRandom random, Dictionary<string, string> bound, StringBuilder text, int depth)
    {
        if (bound.TryGetValue(rule, out var words))
        {
            text.Append(words);
            return;
        }

        if (depth > 40) throw new InvalidOperationException($"rule '{rule}' goes round in circles.");
        if (!_rules.TryGetValue(rule, out var alternatives)) throw new InvalidOperationException($"there is no rule '{rule}'.");
        var alternative = alternatives[random.Below(alternatives.Length)];
        for (var i = 0; i < alternative.Length; i++)
        {
            if (alternative[i] != '{')
            {
                text.Append(alternative[i]);
                continue;
            }

            var end = alternative.IndexOf('}', i);
            Slot(alternative[(i + 1)..end], random, bound, text, depth);
            i = end;
        }
    }

    private void Slot(string slot, TaleRandom random, Dictionary<string, string> bound, StringBuilder text, int depth)
    {
        if (slot.IndexOf('=') is > 0 and var equals)
        {
            var value = slot[(equals + 1)..];
            bound[slot[..equals]] = value[0] == '\'' ? value.Trim('\'') : ToText(value, random, bound, depth);
        }
        else if (slot.StartsWith("a ", StringComparison.Ordinal))
        {
            var noun = ToText(slot[2..], random, bound, depth);
            text.Append(StartsWithVowel(noun) ? "an " : "a ").Append(noun);
        }
        else if (slot.StartsWith("s ", StringComparison.Ordinal))
        {
            text.Append(Plural(ToText(slot[2..], random, bound, depth)));
        }
        else if (slot[0] == '^')
        {
            var words = ToText(slot[1..], random, bound, depth);
            text.Append(char.ToUpperInvariant(words[0])).Append(words.AsSpan(1));
        }
        else
        {
            ExpandRule(slot, random, bound, text, depth + 1);
        }
    }

    private string ToText(string rule, TaleRandom random, Dictionary<string, string> bound, int depth)
    {
        var text = new StringBuilder();
        ExpandRule(rule, random, bound, text, depth + 1);
        return text.ToString();
    }

    private static string Plural(string noun)
    {
        foreach (var (one, many) in _irregular)
        {
            if (noun.EndsWith(one, StringComparison.Ordinal)) return noun[..^one.Length] + many;
        }

        if (noun.EndsWith('y') && !"aeiou".Contains(noun[^2])) return noun[..^1] + "ies";
        var hissing = noun[^1] is 's' or 'x' or 'z' || noun.EndsWith("ch", StringComparison.Ordinal) || noun.EndsWith("sh", StringComparison.Ordinal);
        return noun + (hissing ? "es" : "s");
    }

    private static bool StartsWithVowel(string noun) =>
        "aeiouAEIOU".Contains(noun[0]) || noun.StartsWith("honest", StringComparison.Ordinal) || noun.StartsWith("hourglass", StringComparison.Ordinal);

    /// <summary>Starts every sentence with a capital; what follows a closing quote does so too, unless it tells who spoke.</summary>
    private static string Capitalize(StringBuilder text)
    {
        text.Replace(".\" said", ",\" said");
        var start = true;
        for (var i = 0; i < text.Length; i++)
        {
            if (start && char.IsAsciiLetter(text[i])) text[i] = char.ToUpperInvariant(text[i]);
            if (char.IsAsciiLetter(text[i])) start = false;
            else if (text[i] == '\n') start = true;
            else if (text[i] == ' ' && i > 1 && EndsSentence(text[i - 1])) start = true;
            else if (text[i] == ' ' && i > 2 && text[i - 1] == '"' && EndsSentence(text[i - 2]))
                start = !TellsWhoSpoke(text.ToString(i + 1, Math.Min(30, text.Length - i - 1)));
        }

        return text.ToString();
    }

    private static bool EndsSentence(char c) => c is '.' or '!' or '?';

    private static bool TellsWhoSpoke(string next) => next.Split(' ', '.', ',').Take(2).Any(w => w is "said" or "cried" or "asked" or "roared" or "it");
}
