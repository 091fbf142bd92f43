using System.Text.Encodings.Web;
using System.Text.Json;
using Dtt.Core.Errors;

namespace Dtt.Data.Tokenizers;

/// <summary>The <c>pre_tokenizer</c> of a <c>tokenizer.json</c>: which pattern it is, and back.</summary>
internal static class PreTokenizerJson
{
    /// <summary>As Hugging Face's library reads it: GPT-2's pattern is in its code, others are regular expressions before the step to bytes.</summary>
    public static string Write(WordPattern pattern) => pattern == WordPattern.Gpt2 || pattern == WordPattern.Whole
        ? $$"""{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": {{(pattern == WordPattern.Gpt2 ? "true" : "false")}}}"""
        : $$$"""
            {"type": "Sequence", "pretokenizers": [
                  {"type": "Split", "pattern": {"Regex": "{{{JsonEncodedText.Encode(pattern.Regex, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}}}"},
                    "behavior": "Isolated", "invert": false},
                  {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]}
            """;

    /// <summary>The pattern.</summary>
    /// <exception cref="BadDataException">It is none that DTT has; by the key's name.</exception>
    public static WordPattern Read(string file, JsonElement json)
    {
        if (TokenizerJson.IsOfType(json, "ByteLevel"))
        {
            var isWhole = json.TryGetProperty("use_regex", out var cuts) && cuts.ValueKind == JsonValueKind.False;
            RequireByteLevel(file, "pre_tokenizer", json, useRegex: !isWhole);
            return isWhole ? WordPattern.Whole : WordPattern.Gpt2;
        }

        if (!TokenizerJson.IsOfType(json, "Sequence")) throw TokenizerJson.Refusal(file, "pre_tokenizer", json, "not ByteLevel or Sequence");
        if (!json.TryGetProperty("pretokenizers", out var steps) || steps.ValueKind != JsonValueKind.Array || steps.GetArrayLength() is not (1 or 2))
            throw TokenizerJson.Refusal(file, "pre_tokenizer", json, "not a Split by a pattern and then ByteLevel");
        var last = steps[steps.GetArrayLength() - 1];
        const string list = "pre_tokenizer.pretokenizers";
        var isSplit = steps.GetArrayLength() == 2;
        if (!TokenizerJson.IsOfType(last, "ByteLevel")) throw TokenizerJson.Refusal(file, $"{list}[{steps.GetArrayLength() - 1}]", last, "not ByteLevel");
        RequireByteLevel(file, $"{list}[{steps.GetArrayLength() - 1}]", last, useRegex: !isSplit);
        return isSplit ? Split(file, $"{list}[0]", steps[0]) : WordPattern.Gpt2;
    }

    private static WordPattern Split(string file, string name, JsonElement json)
    {
        if (!TokenizerJson.IsOfType(json, "Split")) throw TokenizerJson.Refusal(file, name, json, "not Split");
        var behavior = json.TryGetProperty("behavior", out var b) ? b.ToString() : "";
        var inverted = json.TryGetProperty("invert", out var invert) && invert.ValueKind == JsonValueKind.True;

        // The patterns match all of a text: to keep the matches, or to remove what is between them, is the same.
        if ((behavior, inverted) is not (("Isolated", false) or ("Removed", true)))
            throw TokenizerJson.Refusal(file, name, json, "not Isolated, nor Removed and inverted");
        if (!json.TryGetProperty("pattern", out var pattern) || pattern.ValueKind != JsonValueKind.Object || !pattern.TryGetProperty("Regex", out var regex)
            || regex.ValueKind != JsonValueKind.String)
        {
            throw TokenizerJson.Refusal(file, name, json, "not by a 'Regex'");
        }

        var spelled = regex.GetString();
        return WordPattern.All.FirstOrDefault(p => p.Regex == spelled || p.OtherSpellings.Contains(spelled)) ?? throw TokenizerJson.Refusal(
            file, $"{name}.pattern.Regex", regex, $"none of the patterns {string.Join(", ", WordPattern.All.Select(p => p.Name))}");
    }

    private static void RequireByteLevel(string file, string name, JsonElement json, bool useRegex)
    {
        if (!json.TryGetProperty("add_prefix_space", out var prefix))
            throw new BadDataException($"{file} has no '{name}.add_prefix_space': it is damaged or no tokenizer. Put a whole file there.");
        if (!TokenizerJson.IsOff(prefix)) throw TokenizerJson.Refusal(file, $"{name}.add_prefix_space", prefix, "not false");
        var cuts = !json.TryGetProperty("use_regex", out var regex) || regex.ValueKind == JsonValueKind.True;
        if (cuts != useRegex) throw TokenizerJson.Refusal(file, $"{name}.use_regex", regex, $"not {(useRegex ? "true" : "false")}");
        foreach (var property in json.EnumerateObject())
        {
            if (property.Name is "type" or "add_prefix_space" or "use_regex" or "trim_offsets" || TokenizerJson.IsOff(property.Value)) continue;
            throw TokenizerJson.Refusal(file, $"{name}.{property.Name}", property.Value, "of which DTT knows nothing");
        }
    }
}
