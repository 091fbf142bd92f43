using System.Text.Json.Nodes;
using Dtt.Core.Configuration;

namespace Dtt.Core.Models;

/// <summary>One key of a Hugging Face <c>config.json</c>, both ways.</summary>
/// <param name="Name">Their key; dots lead into objects.</param>
public sealed record HuggingFaceKey(string Name)
{
    /// <summary>DTT's key that it sets, or null. Several keys may set the same one, and must agree.</summary>
    public string? Key { get; init; }

    /// <summary>What it says of a model; null: it is not written.</summary>
    public Func<ModelConfig, JsonNode?>? Write { get; init; }

    /// <summary>Whether a file may lack it.</summary>
    public bool IsOptional { get; init; }

    /// <summary>What a file without it means, where that is not DTT's default. A file that says null means DTT's default.</summary>
    public string? Absent { get; init; }

    /// <summary>The only values that DTT's model follows, the first also where it is missing or null; empty: any.</summary>
    public IReadOnlyList<string> Known { get; init; } = [];

    /// <summary>A part of the model's shape.</summary>
    public static HuggingFaceKey Shape(string name, string key, Func<ModelConfig, JsonNode?> write) => new(name) { Key = key, Write = write };

    /// <summary>The same in every model that DTT has; others are refused.</summary>
    public static HuggingFaceKey Fixed(string name, JsonNode? value, params string[] alsoKnown) =>
        new(name) { Write = _ => value?.DeepClone(), Known = [value?.ToString() ?? "null", .. alsoKnown] };

    /// <summary>Written for transformers, and not read.</summary>
    public static HuggingFaceKey Written(string name, Func<ModelConfig, JsonNode?> write) => new(name) { Write = write };

    /// <summary>Not written; read where it is there, and refused with another value.</summary>
    public static HuggingFaceKey Expected(string name, params string[] values) => new(name) { Known = values };

    /// <summary>Neither written nor read: it changes nothing that the model computes.</summary>
    public static HuggingFaceKey Ignored(string name) => new(name);
}
