using System.Text.Json;
using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Data.Tokenizers;

/// <summary>
/// Reads Hugging Face's <c>tokenizer.json</c>, and gives the ids that their library gives or none at all: whatever would make other ids is refused by name.
/// </summary>
internal static class TokenizerJson
{
    private const string Whole = "Put a whole file there.", Numbering = $"DTT numbers bytes, then merges, then {Vocabulary.EndOfTextToken}.";

    /// <summary>
    /// Every key that may be there, what it must be, and the check; the keys of an object come with a dot. An unknown key is refused unless it is null,
    /// false or empty.
    /// </summary>
    private static readonly (string Name, string Expected, Func<JsonElement, bool> Fits)[] _keys =
    [
        ("version", "", _ => true),
        ("truncation", "null", IsOff),
        ("padding", "null", IsOff),
        ("added_tokens", "a list", t => IsOff(t) || t.ValueKind == JsonValueKind.Array),
        ("normalizer", "null", IsOff),
        ("pre_tokenizer", "ByteLevel", t => IsOfType(t, "ByteLevel")),
        ("pre_tokenizer.type", "", _ => true),
        ("pre_tokenizer.add_prefix_space", "false", IsOff),
        ("pre_tokenizer.use_regex", "true", t => t.ValueKind == JsonValueKind.True),
        ("pre_tokenizer.trim_offsets", "", _ => true),
        ("post_processor", "null or ByteLevel", t => IsOff(t) || IsOfType(t, "ByteLevel")),
        ("decoder", "null or ByteLevel", t => IsOff(t) || IsOfType(t, "ByteLevel")),
        ("model", "BPE", t => t.ValueKind == JsonValueKind.Object && (!t.TryGetProperty("type", out _) || IsOfType(t, "BPE"))),
        ("model.type", "", _ => true),
        ("model.dropout", "null", t => IsOff(t) || t.GetRawText() is "0" or "0.0"),
        ("model.unk_token", "", _ => true),   // no byte is unknown
        ("model.continuing_subword_prefix", "null", IsOff),
        ("model.end_of_word_suffix", "null", IsOff),
        ("model.fuse_unk", "", _ => true),
        ("model.byte_fallback", "", _ => true),
        ("model.ignore_merges", "false", IsOff),
        ("model.vocab", "an object", t => t.ValueKind == JsonValueKind.Object),
        ("model.merges", "a list", t => t.ValueKind == JsonValueKind.Array),
    ];

    private static readonly string[] _required = ["pre_tokenizer", "pre_tokenizer.add_prefix_space", "model", "model.vocab", "model.merges"];

    /// <summary>Reads a file.</summary>
    /// <exception cref="BadDataException">It is damaged, or another kind of tokenizer.</exception>
    public static Vocabulary Read(string file)
    {
        using var json = JsonFile.ReadObject(file);
        var root = json.RootElement;
        Check(file, root, "");
        var model = root.GetProperty("model");
        var merges = Merges(file, model.GetProperty("merges"));
        var vocabulary = new Vocabulary(merges);
        var ids = Ids(file, model.GetProperty("vocab"));
        if (root.TryGetProperty("added_tokens", out var added) && added.ValueKind == JsonValueKind.Array) Add(file, added, vocabulary, ids);
        foreach (var (name, id) in ids)
        {
            var expected = id >= 0 && id < vocabulary.Size ? vocabulary.NameOf(id) : null;
            if (expected == name) continue;
            var should = expected is null ? "there is no such id" : $"it must be '{expected}'";
            throw new BadDataException($"{file}: id {id} is '{name}', but by its merges {should}; {Numbering}");
        }

        if (ids.Count == vocabulary.Size) return vocabulary;
        var missing = Enumerable.Range(0, vocabulary.Size).Select(vocabulary.NameOf).First(name => !ids.ContainsKey(name));
        throw new BadDataException($"{file} has no token '{missing}'; {Numbering}");
    }

    private static void Check(string file, JsonElement json, string parent)
    {
        foreach (var name in _required.Where(n => n[..(n.LastIndexOf('.') + 1)] == parent))
        {
            if (!json.TryGetProperty(name[parent.Length..], out _))
                throw new BadDataException($"{file} has no '{name}': it is damaged or no tokenizer. {Whole}");
        }

        foreach (var property in json.EnumerateObject())
        {
            var (name, value) = (parent + property.Name, property.Value);
            var (known, expected, fits) = Array.Find(_keys, k => k.Name == name);
            if (known is null ? !IsOff(value) : !fits(value))
            {
                var why = known is null ? "of which DTT knows nothing" : $"not {expected}";
                throw new BadDataException($"{file}: '{name}' is {JsonFile.Shown(value)}, {why}: it would give other ids. "
                    + "DTT reads byte-level BPE with GPT-2's pre-tokenization only.");
            }

            if (name is "model" or "pre_tokenizer") Check(file, value, name + ".");
        }
    }

    /// <summary>The merges as pairs of ids, whatever numbers the file gives to their tokens.</summary>
    private static List<(int Left, int Right)> Merges(string file, JsonElement list)
    {
        var known = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var id = 0; id < 256; id++) known[ByteAlphabet.ToText([ByteAlphabet.ByteOfId[id]])] = id;
        var merges = new List<(int Left, int Right)>();
        foreach (var merge in list.EnumerateArray())
        {
            BadDataException Wrong(string why) => new($"{file}: 'model.merges[{merges.Count}]' is {JsonFile.Shown(merge)}, and {why}. {Whole}");
            if (Pair(merge) is not [var left, var right]) throw Wrong("two tokens were expected: [\"a\", \"b\"] or \"a b\"");
            if (!known.TryGetValue(left, out var leftId) || !known.TryGetValue(right, out var rightId))
                throw Wrong($"'{(known.ContainsKey(left) ? right : left)}' is neither a byte nor made by a merge before it");
            if (!known.TryAdd(left + right, 256 + merges.Count)) throw Wrong($"an earlier merge makes '{left + right}' already");
            merges.Add((leftId, rightId));
        }

        return merges;
    }

    private static string[] Pair(JsonElement merge) => merge.ValueKind switch
    {
        JsonValueKind.String => merge.GetString()!.Split(' '),
        JsonValueKind.Array when merge.EnumerateArray().All(t => t.ValueKind == JsonValueKind.String) =>
            [.. merge.EnumerateArray().Select(t => t.GetString()!)],
        _ => [],
    };

    private static Dictionary<string, int> Ids(string file, JsonElement vocab)
    {
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var token in vocab.EnumerateObject())
        {
            ids[token.Name] = Id(token.Value)
                ?? throw new BadDataException($"{file}: 'model.vocab' gives '{token.Name}' the id {JsonFile.Shown(token.Value)}, which is no id. {Whole}");
        }

        return ids;
    }

    /// <summary>Adds the tokens that stand outside the model: of them DTT has the end of a document.</summary>
    private static void Add(string file, JsonElement added, Vocabulary vocabulary, Dictionary<string, int> ids)
    {
        foreach (var (token, index) in added.EnumerateArray().Select((t, i) => (t, i)))
        {
            if (token.ValueKind != JsonValueKind.Object || !token.TryGetProperty("id", out var id) || !token.TryGetProperty("content", out var content)
                || Id(id) is not { } number || content.ValueKind != JsonValueKind.String)
            {
                throw new BadDataException(
                    $"{file}: 'added_tokens[{index}]' is {JsonFile.Shown(token)}, and an \"id\" and a \"content\" were expected. {Whole}");
            }

            if (content.GetString() != Vocabulary.EndOfTextToken || number != vocabulary.EndOfText)
            {
                throw new BadDataException($"{file}: 'added_tokens[{index}]' is '{content}' with id {number}; DTT has one such token, "
                    + $"{Vocabulary.EndOfTextToken}, whose id is the last: {vocabulary.EndOfText}.");
            }

            _ = ids.TryAdd(Vocabulary.EndOfTextToken, number);
        }
    }

    private static int? Id(JsonElement value) => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var id) ? id : null;

    private static bool IsOff(JsonElement value) =>
        value.ValueKind is JsonValueKind.Null or JsonValueKind.False || value.GetRawText() is "\"\"" or "[]" or "{}";

    private static bool IsOfType(JsonElement value, string type) =>
        value.ValueKind == JsonValueKind.Object && value.TryGetProperty("type", out var name) && name.ValueKind == JsonValueKind.String
        && name.ValueEquals(type);
}
