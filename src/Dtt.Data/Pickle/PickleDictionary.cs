namespace Dtt.Data.Pickle;

/// <summary>A dictionary of a pickle, in the order in which it was written.</summary>
public sealed class PickleDictionary
{
    private static readonly Dictionary<string, object?> _nothing = [];
    private Dictionary<string, object?>? _byText;
    private List<KeyValuePair<object?, object?>>? _items;

    /// <summary>All of it.</summary>
    public IReadOnlyList<KeyValuePair<object?, object?>> Items => _items ?? [];

    /// <summary>The items whose keys are texts.</summary>
    public IReadOnlyDictionary<string, object?> ByText => _byText ?? _nothing;

    /// <summary>The value of a text; null: there is none, or it is None.</summary>
    public object? this[string key] => ByText.GetValueOrDefault(key);

    internal void Add(object? key, object? value)
    {
        (_items ??= []).Add(new(key, value));
        if (key is string text) (_byText ??= new(StringComparer.Ordinal))[text] = value;
    }
}
