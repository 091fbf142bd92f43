namespace Dtt.Tui.Pages;

/// <summary>One column of a list.</summary>
/// <param name="Head">Its head.</param>
/// <param name="Width">Its cells.</param>
/// <param name="Right">Whether its texts end at its right edge, as numbers do.</param>
internal sealed record ListColumn(string Head, int Width, bool Right = false);
