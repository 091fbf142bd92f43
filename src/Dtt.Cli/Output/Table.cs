namespace Dtt.Cli.Output;

/// <summary>Rows in columns on stdout.</summary>
internal static class Table
{
    /// <summary>Prints a head and the rows.</summary>
    public static void Print<T>(IEnumerable<T> rows, params IReadOnlyList<Column<T>> columns)
    {
        string[][] lines = [[.. columns.Select(c => c.Head)], .. rows.Select(r => columns.Select(c => c.Cell(r)).ToArray())];
        var widths = columns.Select((_, i) => lines.Max(line => line[i].Length)).ToArray();
        foreach (var line in lines)
        {
            var cells = line.Select((cell, i) => columns[i].Right ? cell.PadLeft(widths[i]) : cell.PadRight(widths[i]));
            Console.Out.WriteLine(string.Join("  ", cells).TrimEnd());
        }
    }
}
