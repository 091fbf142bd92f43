using System.Text.Json;
using System.Text.Json.Nodes;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Models;

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
    /// <exception cref="BadDataException">It is another kind of model, or has something that DTT's has not.</exception>
    public static IReadOnlyDictionary<string, string> Read(string file)
    {
        if (!File.Exists(file)) throw new BadDataException($"there is no {file}: a Hugging Face folder has a config.json beside its model.safetensors.");
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(file));
            var type = json.RootElement.GetProperty("model_type").GetString();
            var known = Architectures.All.Where(a => a.HuggingFace is not null).ToList();
            var architecture = known.Find(a => a.HuggingFace!.Type == type)
                ?? throw new BadDataException($"{file} describes a '{type}' model; DTT imports {string.Join(", ", known.Select(a => a.HuggingFace!.Type))}.");
            var keys = new Dictionary<string, string> { ["architecture"] = architecture.Name };
            foreach (var key in architecture.HuggingFace!.Keys)
            {
                var value = Value(json.RootElement, key.Name);
                Require(file, key, value);
                if (key.Key is not null && (value ?? key.Absent) is { } set) keys[key.Key] = set;
            }

            return keys;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new BadDataException($"{file} is damaged or lacks a key: {e.Message}", e);
        }
    }

    /// <summary>Refuses a file without the key that it must have, or with a value that DTT's model cannot follow.</summary>
    private static void Require(string file, HuggingFaceKey key, string? value)
    {
        if (key.Key is not null && !key.IsOptional && value is null) throw new BadDataException($"{file} is damaged or lacks a key: it has no '{key.Name}'.");
        if (key.Known.Count > 0 && !key.Known.Contains(value ?? key.Known[0]))
            throw new BadDataException($"{file}: '{key.Name}' is {value}, and DTT's model has {string.Join(" or ", key.Known)} only.");
    }

    /// <summary>A key's value as text; null: it is not there, or null. A list of equal values is that value.</summary>
    private static string? Value(JsonElement json, string name)
    {
        foreach (var part in name.Split('.'))
        {
            if (json.ValueKind != JsonValueKind.Object || !json.TryGetProperty(part, out json)) return null;
        }

        if (json.ValueKind == JsonValueKind.Array && json.EnumerateArray().Select(e => e.ToString()).Distinct().ToList() is [var same]) return same;
        return json.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.String => json.GetString(),
            _ => json.GetRawText(),
        };
    }
}
