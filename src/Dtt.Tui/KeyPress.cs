using System.Text;

namespace Dtt.Tui;

/// <summary>A key as pages know it: a name (<c>up</c>, <c>enter</c>, <c>esc</c> …) or a typed character.</summary>
internal readonly record struct KeyPress(string Name, Rune Rune = default)
{
    /// <summary>A typed character.</summary>
    public static KeyPress Of(char c) => new(c.ToString(), new Rune(c));

    /// <summary>Whether it types text.</summary>
    public bool IsText => Rune.Value >= 32;
}
