namespace Dtt.Cli.Output;

/// <summary>A column of a table.</summary>
/// <param name="Head">Its head.</param>
/// <param name="Cell">A row's text in it.</param>
/// <param name="Right">Whether texts end at its right edge, as numbers do.</param>
internal sealed record Column<T>(string Head, Func<T, string> Cell, bool Right = false);
