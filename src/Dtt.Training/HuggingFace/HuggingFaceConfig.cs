using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Core.Storage;

namespace Dtt.Training.HuggingFace;

/// <summary><c>config.json</c> of a Hugging Face folder, both ways, by each architecture's <see cref="HuggingFaceModel"/>.</summary>
internal static class HuggingFaceConfig
{
    /// <summary>Their configuration of a model.</summary>
    /// <param name="model">The model, of an architecture that has a class of theirs.</param>
    /// <param name="endOfText">The id of the end of a document.</param>
    public static JsonObject Write(ModelConfig model, int endOfText)
    {
        var theirs = model.Spec.HuggingFace!;
        var json = new JsonObject { ["architectures"] = new JsonArray(theirs.Class), ["model_type"] = theirs.Type };
        foreach (var key in theirs.Keys.Where(k => k.Write is not null)) json[key.Name] = key.Write!(model);
        json["bos_token_id"] = endOfText;
        json["eos_token_id"] = endOfText;
        json["torch_dtype"] = "float32";
        json["use_cache"] = true;
        return json;
    }

    /// <summary>The keys of DTT's configuration that describe a folder's model.</summary>
    /// <param name="file">The <c>config.json</c>.</param>
    /// <returns>Each of DTT's keys with its value as YAML, and the place that says so.</returns>
    /// <exception cref="BadDataException">It is another kind of model, or has something that DTT's has not.</exception>
    public static IReadOnlyList<(string Key, string Value, string Origin)> Read(string file)
    {
        if (!File.Exists(file)) throw new BadDataException($"there is no {file}: a Hugging Face folder has a config.json beside its model.safetensors.");
        using var json = JsonFile.ReadObject(file);
        var root = json.RootElement;
        var known = Architectures.All.Where(a => a.HuggingFace is not null).ToList();
        var types = string.Join(", ", known.Select(a => a.HuggingFace!.Type).Distinct());
        if (Find(root, "model_type") is not { ValueKind: JsonValueKind.String } type)
            throw new BadDataException($"{file} has no 'model_type', which says what kind of model it is; DTT imports {types}.");
        var ofType = known.FindAll(a => a.HuggingFace!.Type == type.GetString());
        var architecture = ofType.Find(a => a.HuggingFace!.Keys.All(k => IsKnown(k, Value(root, k, a.HuggingFace.Keys)))) ?? ofType.FirstOrDefault()
            ?? throw new BadDataException($"{file} describes a '{type}' model; DTT imports {types}.");
        var keys = architecture.HuggingFace!.Keys;
        RequireKnown(file, root, "", keys);
        var set = new Dictionary<string, (string Value, string Name)> { ["architecture"] = (architecture.Name, "model_type") };
        foreach (var key in keys)
        {
            var value = Value(root, key, keys);
            if (!IsKnown(key, value))
                throw new BadDataException($"{file}: '{key.Name}' is {value}, and DTT's model has {string.Join(" or ", key.Known)} only.");
            if (key.Key is null || value is null || set.TryAdd(key.Key, (value, key.Name)) || IsSame(set[key.Key].Value, value)) continue;
            throw new BadDataException($"{file}: '{set[key.Key].Name}' is {set[key.Key].Value} and '{key.Name}' is {value}, and the two are the same thing; "
                + "keep the one that the model was trained with.");
        }

        foreach (var key in keys.Where(k => k.Absent is not null && Find(root, k.Name) is null)) _ = set.TryAdd(key.Key!, (key.Absent!, key.Name));
        if (keys.FirstOrDefault(k => k is { Key: { } key, IsOptional: false } && !set.ContainsKey(key)) is { } missing)
            throw new BadDataException($"{file} has no '{missing.Name}', which a {type} model needs.");
        return [.. set.Select(s => (s.Key, s.Value.Value, $"{file}, '{s.Value.Name}'"))];
    }

    /// <summary>Refuses keys that DTT knows nothing of, unless they switch nothing on.</summary>
    private static void RequireKnown(string file, JsonElement json, string parent, IReadOnlyList<HuggingFaceKey> keys)
    {
        foreach (var property in json.EnumerateObject())
        {
            var (name, value) = (parent + property.Name, property.Value);
            if (HoldsKeys(value, name, keys)) RequireKnown(file, value, name + ".", keys);
            else if (!IsOff(value) && keys.All(k => k.Name != name) && !HuggingFaceNotes.Contains(name))
            {
                throw new BadDataException($"{file}: '{name}' is {JsonFile.Shown(value)}, and DTT's models have nothing of that name; "
                    + "where it changes nothing that the model computes, take it out of a copy of the file.");
            }
        }
    }

    private static bool HoldsKeys(JsonElement value, string name, IReadOnlyList<HuggingFaceKey> keys) =>
        value.ValueKind == JsonValueKind.Object && keys.Any(k => k.Name.StartsWith(name + ".", StringComparison.Ordinal));

    private static bool IsKnown(HuggingFaceKey key, string? value) => key.Known.Count == 0 || key.Known.Contains(value ?? key.Known[0]);

    private static bool IsOff(JsonElement value) => value.ValueKind is JsonValueKind.Null or JsonValueKind.False || value.GetRawText() is "{}" or "[]";

    private static bool IsSame(string a, string b) => a == b || (Number(a) is { } x && x == Number(b));

    private static double? Number(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>A key's value as text; null: it is not there, null, or holds other keys. Of a list of equal values that DTT knows it is that value.</summary>
    private static string? Value(JsonElement root, HuggingFaceKey key, IReadOnlyList<HuggingFaceKey> keys)
    {
        if (Find(root, key.Name) is not { } json || HoldsKeys(json, key.Name, keys)) return null;
        if (json.ValueKind == JsonValueKind.Array && key.Known.Count > 0 && json.EnumerateArray().Select(e => e.ToString()).Distinct().ToList() is [var same])
            return same;
        return json.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.String => json.GetString(),
            _ => json.GetRawText(),
        };
    }

    private static JsonElement? Find(JsonElement json, string name)
    {
        foreach (var part in name.Split('.'))
        {
            if (json.ValueKind != JsonValueKind.Object || !json.TryGetProperty(part, out json)) return null;
        }

        return json;
    }
}
