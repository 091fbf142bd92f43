namespace Dtt.Cli.Output;

/// <summary>Columns on stdout.</summary>
internal static class Table
{
    /// <summary>Prints a head and rows; numbers stand right, the named columns left.</summary>
    public static void Print(string[] head, int[] leftAligned, IEnumerable<string[]> rows)
    {
        var all = rows.Prepend(head).ToList();
        var widths = head.Select((_, column) => all.Max(r => r[column].Length)).ToArray();
        foreach (var row in all) Console.Out.WriteLine(string.Join("  ", row.Select((cell, column) => leftAligned.Contains(column) ? cell.PadRight(widths[column]) : cell.PadLeft(widths[column]))).TrimEnd());
    }
}
