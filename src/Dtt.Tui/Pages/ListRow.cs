using Dtt.Tui.Drawing;

namespace Dtt.Tui.Pages;

/// <summary>One row of a list.</summary>
/// <param name="Name">What the filter looks at.</param>
/// <param name="Cells">A text for each column.</param>
/// <param name="Open">The page behind the row.</param>
internal sealed record ListRow(string Name, IReadOnlyList<(string Text, Ink Ink)> Cells, Func<Page> Open);
