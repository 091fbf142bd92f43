namespace Dtt.Cli.Output;

/// <summary>The lengths of a dataset's documents as a picture.</summary>
internal static class LengthPlot
{
    /// <summary>Draws a bar for each range of lengths.</summary>
    /// <param name="report">The report.</param>
    /// <param name="path">A .png or .svg file.</param>
    public static void Save(ReportOutput report, string path)
    {
        var plot = new ScottPlot.Plot();
        foreach (var (n, length) in report.Lengths.Index()) plot.Add.Bar(n, length.Documents);
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericManual(
            [.. report.Lengths.Select((_, n) => (double)n)], [.. report.Lengths.Select(l => $"{l.From:N0}")]);
        plot.Axes.Bottom.MajorTickStyle.Length = 0;
        plot.Axes.Margins(bottom: 0);
        plot.Title($"{report.Dataset}: {report.Documents:N0} documents, {report.Tokens:N0} tokens");
        plot.XLabel("tokens of a document (from each number to the next)");
        plot.YLabel("documents");
        Picture.Save(plot, path);
    }
}
