namespace Dtt.Core.Configuration;

/// <summary>A YAML value with its line. Exactly one of the three contents is set.</summary>
internal sealed record YamlNode(int Line)
{
    public string? Scalar { get; init; }
    public bool Quoted { get; init; }
    public IReadOnlyList<YamlNode>? Items { get; init; }
    public IReadOnlyList<YamlEntry>? Entries { get; init; }

    /// <summary>Whether this is YAML's null: an unquoted empty value, <c>~</c> or <c>null</c>.</summary>
    public bool IsNull => Scalar is not null && !Quoted && Scalar is "" or "~" or "null" or "Null" or "NULL";

    /// <summary>The node as it would be quoted in an error.</summary>
    public string Shown => Scalar is not null ? $"'{Scalar}'" : Items is not null ? "a list" : "a block of keys";
}

/// <summary>One <c>key: value</c> of a YAML mapping; duplicates are kept so that they can be reported.</summary>
internal sealed record YamlEntry(string Key, int Line, YamlNode Value);
