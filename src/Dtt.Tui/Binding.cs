using Dtt.Tui.Pages;

namespace Dtt.Tui;

/// <summary>One line of the table of keys.</summary>
/// <param name="Keys">The keys, by the names that <see cref="KeyPress"/> gives them; each does the same.</param>
/// <param name="Description">What they do, in a few words.</param>
/// <param name="InFooter">Whether the line at the bottom shows it; the help page shows all.</param>
/// <param name="IsFor">Whether a page has it, in its present state.</param>
/// <param name="WhyDisabled">Why it does nothing just now, as a sentence for the user; null when it works.</param>
/// <param name="Act">Does it.</param>
internal sealed record Binding(
    IReadOnlyList<string> Keys,
    string Description,
    bool InFooter,
    Func<Page, bool> IsFor,
    Func<Page, string?> WhyDisabled,
    Action<Page, Shell> Act)
{
    /// <summary>A binding of one kind of page.</summary>
    /// <param name="keys">The keys, with a space between them.</param>
    /// <param name="description">What they do.</param>
    /// <param name="act">Does it.</param>
    /// <param name="visible">When the page has it; always, unless given.</param>
    /// <param name="disabled">Why it does nothing just now; never, unless given.</param>
    /// <param name="inFooter">Whether the line at the bottom shows it.</param>
    public static Binding On<TPage>(
        string keys,
        string description,
        Action<TPage, Shell> act,
        Func<TPage, bool>? visible = null,
        Func<TPage, string?>? disabled = null,
        bool inFooter = true)
        where TPage : Page => new(
            keys.Split(' '),
            description,
            inFooter,
            page => page is TPage mine && visible?.Invoke(mine) != false,
            page => disabled?.Invoke((TPage)page),
            (page, shell) => act((TPage)page, shell));

    /// <summary>The keys as they are printed on a keyboard: <c>↑ k</c>.</summary>
    public string Label => string.Join(' ', Keys.Select(key => key switch
    {
        "up" => "↑",
        "down" => "↓",
        "ctrl+c" => "Ctrl+C",
        { Length: > 1 } => char.ToUpperInvariant(key[0]) + key[1..],
        _ => key,
    }));
}
