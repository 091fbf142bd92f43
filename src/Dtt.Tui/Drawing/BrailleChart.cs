using System.Globalization;
using System.Text;

namespace Dtt.Tui.Drawing;

/// <summary>Curves in braille: two by four dots a cell, with a scale on the left and steps below.</summary>
internal static class BrailleChart
{
    private const int ScaleWidth = 8;

    // Dot bits of a braille cell, by column and row (Unicode U+2800 + bits).
    private static readonly int[,] _dots = { { 0x01, 0x02, 0x04, 0x40 }, { 0x08, 0x10, 0x20, 0x80 } };

    /// <summary>One curve.</summary>
    /// <param name="Ink">Its colour.</param>
    /// <param name="Points">Steps and values, by step; values that are not finite are left out.</param>
    /// <param name="Joined">Whether neighbours are joined by a line.</param>
    public sealed record Curve(Ink Ink, IReadOnlyList<(long Step, double Value)> Points, bool Joined);

    /// <summary>Draws curves into a box; later curves lie above earlier ones.</summary>
    /// <param name="canvas">The screen.</param>
    /// <param name="x">Left edge.</param>
    /// <param name="y">Upper edge.</param>
    /// <param name="w">Cells wide, the scale included.</param>
    /// <param name="h">Cells high, the steps included.</param>
    /// <param name="curves">The curves.</param>
    /// <param name="logSteps">Whether steps stand on a logarithmic axis.</param>
    public static void Draw(Canvas canvas, int x, int y, int w, int h, IReadOnlyList<Curve> curves, bool logSteps)
    {
        var (plotW, plotH) = (w - ScaleWidth, h - 1);
        var points = curves.SelectMany(c => c.Points).Where(p => double.IsFinite(p.Value)).ToList();
        if (plotW < 2 || plotH < 1 || points.Count == 0) return;
        var (low, high) = (points.Min(p => p.Value), points.Max(p => p.Value));
        if (high - low < 1e-9) (low, high) = (low - 0.5, high + 0.5);
        var (first, last) = (points.Min(p => p.Step), points.Max(p => p.Step));
        double Axis(double step) => logSteps ? Math.Log(Math.Max(1, step)) : step;
        double Span() => Math.Max(1e-9, Axis(last) - Axis(first));
        int Column(long step) => (int)Math.Round((Axis(step) - Axis(first)) / Span() * (plotW * 2 - 1));
        int Row(double value) => (int)Math.Round((high - value) / (high - low) * (plotH * 4 - 1));

        var bits = new int[plotW, plotH];
        foreach (var curve in curves)
        {
            (int Column, int Row)? before = null;
            foreach (var point in curve.Points.Where(p => double.IsFinite(p.Value)))
            {
                var (column, row) = (Column(point.Step), Row(point.Value));
                if (curve.Joined && before is { } b)
                {
                    var steps = Math.Max(Math.Abs(column - b.Column), Math.Abs(row - b.Row));
                    for (var i = 1; i < steps; i++) Dot(b.Column + (column - b.Column) * i / steps, b.Row + (row - b.Row) * i / steps, curve.Ink);
                }

                Dot(column, row, curve.Ink);
                before = (column, row);
            }
        }

        for (var tick = 0; tick < Math.Min(plotH, 5); tick++)
        {
            var row = plotH == 1 ? 0 : tick * (plotH - 1) / Math.Max(1, Math.Min(plotH, 5) - 1);
            canvas.TextRight(x + ScaleWidth - 2, y + row, Number(high - (high - low) * row / Math.Max(1, plotH - 1)), Ink.Dim);
            canvas.Text(x + ScaleWidth - 1, y + row, "┤", Ink.Dim);
        }

        canvas.Text(x + ScaleWidth, y + h - 1, first.ToString("N0", CultureInfo.InvariantCulture), Ink.Dim);
        canvas.TextRight(x + w, y + h - 1, last.ToString("N0", CultureInfo.InvariantCulture), Ink.Dim);

        void Dot(int column, int row, Ink ink)
        {
            var (cx, cy) = (column / 2, row / 4);
            bits[cx, cy] |= _dots[column % 2, row % 4];
            canvas.Put(x + ScaleWidth + cx, y + cy, new Rune(0x2800 + bits[cx, cy]), ink);
        }
    }

    private static string Number(double value) =>
        value.ToString(Math.Abs(value) is >= 1000 or < 0.001 and > 0 ? "0.0e0" : "0.000", CultureInfo.InvariantCulture);
}
