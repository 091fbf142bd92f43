using System.Globalization;

namespace Dtt.Core.Configuration;

/// <summary>One row of a key table: everything the loader, the command line and the documentation know about a key.</summary>
/// <param name="Name">The YAML key; nested keys are dotted (<c>optimizer.params.lr</c>).</param>
/// <param name="Kind">The value's type.</param>
/// <param name="Default">The default as YAML, or null when the key may be left unset.</param>
/// <param name="Meaning">One sentence for the documentation.</param>
public sealed record ConfigKey(string Name, KeyKind Kind, string? Default, string Meaning)
{
    /// <summary>The unit of the value, or empty.</summary>
    public string Unit { get; init; } = "";

    /// <summary>The smallest value allowed, or null.</summary>
    public double? Min { get; init; }

    /// <summary>The largest value allowed, or null: of a whole number <see cref="int.MaxValue"/>.</summary>
    public double? Max { get; init; }

    /// <summary><see cref="Max"/> for people.</summary>
    public string? MaxText => Max is not { } max ? null
        : max >= long.MaxValue ? long.MaxValue.ToString("N0", CultureInfo.InvariantCulture) : max.ToString("#,0.####", CultureInfo.InvariantCulture);

    /// <summary>The largest value that can be held.</summary>
    public double Limit => Max ?? (Kind is KeyKind.Integer ? int.MaxValue : double.PositiveInfinity);

    /// <summary>Whether <see cref="Min"/> itself is refused.</summary>
    public bool MinExclusive { get; init; }

    /// <summary>The allowed texts, or empty for any.</summary>
    public IReadOnlyList<string> Choices { get; init; } = [];

    /// <summary>A word that may stand for a number, or null: <c>all</c>, <c>auto</c>.</summary>
    public string? Word { get; init; }

    /// <summary>Why the key is accepted but does nothing any more, or null: one line is printed when a file sets it.</summary>
    public string? LostMeaning { get; init; }
}
