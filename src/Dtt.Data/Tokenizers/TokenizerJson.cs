using System.Text;
using System.Text.Json;
using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Data.Tokenizers;

/// <summary>
/// Reads Hugging Face's <c>tokenizer.json</c>, and gives the ids that their library gives or none at all: whatever would make other ids is refused by name.
/// </summary>
internal static class TokenizerJson
{
    private const string Whole = "Put a whole file there.";
    private const int MaxIds = 1 << 24;

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
        ("normalizer", "null or NFC", t => IsOff(t) || IsOfType(t, "NFC")),
        ("pre_tokenizer", "ByteLevel", t => t.ValueKind == JsonValueKind.Object),
        ("post_processor", "", _ => true),    // puts tokens around a text, which nobody asks for here
        ("decoder", "null or ByteLevel", t => IsOff(t) || IsOfType(t, "ByteLevel")),
        ("model", "BPE", t => t.ValueKind == JsonValueKind.Object && (!t.TryGetProperty("type", out _) || IsOfType(t, "BPE"))),
        ("model.type", "", _ => true),
        ("model.dropout", "null", t => IsOff(t) || t.GetRawText() is "0" or "0.0"),
        ("model.unk_token", "", _ => true),   // no byte is unknown
        ("model.continuing_subword_prefix", "null", IsOff),
        ("model.end_of_word_suffix", "null", IsOff),
        ("model.fuse_unk", "", _ => true),
        ("model.byte_fallback", "", _ => true),
        ("model.ignore_merges", "true or false", t => IsOff(t) || t.ValueKind == JsonValueKind.True),
        ("model.vocab", "an object", t => t.ValueKind == JsonValueKind.Object),
        ("model.merges", "a list", t => t.ValueKind == JsonValueKind.Array),
    ];

    private static readonly string[] _required = ["pre_tokenizer", "model", "model.vocab", "model.merges"];

    /// <summary>Reads a file.</summary>
    /// <exception cref="BadDataException">It is damaged, or another kind of tokenizer.</exception>
    public static Vocabulary Read(string file)
    {
        using var json = JsonFile.ReadObject(file);
        var root = json.RootElement;
        Check(file, root, "");
        var model = root.GetProperty("model");
        var pattern = PreTokenizerJson.Read(file, root.GetProperty("pre_tokenizer"));
        var ids = Ids(file, model.GetProperty("vocab"));
        var merges = Merges(file, model.GetProperty("merges"), ids);
        var made = merges.Select(m => m.Id).ToHashSet();
        var added = root.TryGetProperty("added_tokens", out var list) && list.ValueKind == JsonValueKind.Array ? Added(file, list, ids, made) : [];

        // A token that ends documents is no text, also where the file does not say so.
        foreach (var (name, id) in ids)
        {
            if (Vocabulary.Ends.Contains(name) && !made.Contains(id) && added.TrueForAll(a => a.Id != id)) added.Add(new AddedToken(id, name));
        }

        var tokens = new byte[]?[ids.Count == 0 ? 0 : ids.Values.Max() + 1];
        foreach (var (name, id) in ids) tokens[id] = ByteAlphabet.FromText(name) ?? Encoding.UTF8.GetBytes(name);
        foreach (var token in added.Where(a => a.Id < tokens.Length)) tokens[token.Id] = null;
        try
        {
            return new Vocabulary(new VocabularyParts
            {
                Tokens = tokens,
                Merges = merges,
                Added = [.. added.OrderBy(a => a.Id)],
                Pattern = pattern,
                Normalizes = root.TryGetProperty("normalizer", out var normalizer) && IsOfType(normalizer, "NFC"),
                IgnoresMerges = model.TryGetProperty("ignore_merges", out var ignores) && ignores.ValueKind == JsonValueKind.True,
            });
        }
        catch (BadDataException e)
        {
            throw new BadDataException($"{file}: {e.Message}", e);
        }
    }

    /// <summary>The error for a key whose value DTT cannot follow.</summary>
    public static BadDataException Refusal(string file, string name, JsonElement value, string why) => new(
        $"{file}: '{name}' is {(value.ValueKind == JsonValueKind.Undefined ? "not there" : JsonFile.Shown(value))}, {why}: it would give other ids. "
        + $"DTT reads byte-level BPE with the pre-tokenization of {string.Join(", ", WordPattern.All.Select(p => p.Name))}.");

    /// <summary>Whether a value says nothing.</summary>
    public static bool IsOff(JsonElement value) =>
        value.ValueKind is JsonValueKind.Null or JsonValueKind.False || value.GetRawText() is "\"\"" or "[]" or "{}";

    /// <summary>Whether an object says that it is of this type.</summary>
    public static bool IsOfType(JsonElement value, string type) =>
        value.ValueKind == JsonValueKind.Object && value.TryGetProperty("type", out var name) && name.ValueKind == JsonValueKind.String
        && name.ValueEquals(type);

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
                throw Refusal(file, name, value, known is null ? "of which DTT knows nothing" : $"not {expected}");
            if (name is "model") Check(file, value, name + ".");
        }
    }

    /// <summary>The merges as ids, in order.</summary>
    private static List<(int Left, int Right, int Id)> Merges(string file, JsonElement list, Dictionary<string, int> ids)
    {
        var merges = new List<(int Left, int Right, int Id)>();
        var pairs = new HashSet<(int, int)>();
        foreach (var merge in list.EnumerateArray())
        {
            BadDataException Wrong(string why) => new($"{file}: 'model.merges[{merges.Count}]' is {JsonFile.Shown(merge)}, and {why}. {Whole}");
            int Id(string token) => ids.TryGetValue(token, out var id) ? id : throw Wrong($"'{token}' is not in 'model.vocab'");
            if (Pair(merge) is not [var left, var right]) throw Wrong("two tokens were expected: [\"a\", \"b\"] or \"a b\"");
            if (ByteAlphabet.FromText(left + right) is null) throw Wrong("its characters do not stand for bytes: this is no byte-level BPE");
            var (leftId, rightId, id) = (Id(left), Id(right), Id(left + right));
            if (!pairs.Add((leftId, rightId))) throw Wrong("an earlier merge joins these two already");
            merges.Add((leftId, rightId, id));
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
        var (ids, names) = (new Dictionary<string, int>(StringComparer.Ordinal), new Dictionary<int, string>());
        foreach (var token in vocab.EnumerateObject())
        {
            BadDataException Wrong(string why) => new($"{file}: 'model.vocab' gives '{token.Name}' the id {JsonFile.Shown(token.Value)}, {why}. {Whole}");
            var id = Id(token.Value) ?? throw Wrong($"which is no id from 0 to {MaxIds - 1:N0}");
            if (token.Name.Length == 0) throw Wrong("and it has no characters");
            if (!names.TryAdd(id, token.Name)) throw Wrong($"which '{names[id]}' has already");
            ids.Add(token.Name, id);
        }

        return ids;
    }

    /// <summary>The tokens that no text becomes.</summary>
    private static List<AddedToken> Added(string file, JsonElement list, Dictionary<string, int> ids, HashSet<int> made)
    {
        var tokens = new List<AddedToken>();
        var nameOf = ids.ToDictionary(t => t.Value, t => t.Key);
        foreach (var (token, index) in list.EnumerateArray().Select((t, i) => (t, i)))
        {
            if (token.ValueKind != JsonValueKind.Object || !token.TryGetProperty("id", out var id) || !token.TryGetProperty("content", out var content)
                || Id(id) is not { } number || content.ValueKind != JsonValueKind.String || content.GetString() is not { Length: > 0 } text)
            {
                throw new BadDataException(
                    $"{file}: 'added_tokens[{index}]' is {JsonFile.Shown(token)}, and an \"id\" and a \"content\" were expected. {Whole}");
            }

            BadDataException Wrong(string why) => new($"{file}: 'added_tokens[{index}]' is '{text}' with id {number}, {why}. {Whole}");
            if (nameOf.TryGetValue(number, out var name) && name != text) throw Wrong($"which 'model.vocab' gives to '{name}'");
            if (ids.TryGetValue(text, out var other) && other != number) throw Wrong($"and 'model.vocab' gives it {other}");
            if (made.Contains(number) || (name is not null && ByteAlphabet.FromText(name) is [_])) throw Wrong("which is also a token of text");
            if (tokens.Exists(t => t.Id == number || t.Content == text)) throw Wrong("which is there already");
            tokens.Add(new AddedToken(number, text, token.TryGetProperty("special", out var special) && special.ValueKind == JsonValueKind.True));
        }

        return tokens;
    }

    private static int? Id(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var id) && id is >= 0 and < MaxIds ? id : null;
}
