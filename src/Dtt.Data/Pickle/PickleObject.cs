namespace Dtt.Data.Pickle;

/// <summary>What a pickle would have made by calling something: the call, which nobody makes.</summary>
/// <param name="Constructor">What it names, <c>module.name</c>; <see cref="Persistent"/> for a reference to something beside the pickle.</param>
/// <param name="Arguments">With what.</param>
public sealed record PickleObject(string Constructor, IReadOnlyList<object?> Arguments)
{
    /// <summary>The constructor of a reference to something that lies beside the pickle.</summary>
    public const string Persistent = "persistent";

    /// <summary>What it would have been given afterwards, or null.</summary>
    public object? State { get; internal set; }
}
