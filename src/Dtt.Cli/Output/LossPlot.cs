using Dtt.Core.Errors;
using Dtt.Core.Runs;

namespace Dtt.Cli.Output;

/// <summary>The loss curves of one or more runs as a picture.</summary>
internal static class LossPlot
{
    /// <summary>Draws training and validation loss over steps.</summary>
    /// <param name="runs">Names and curves.</param>
    /// <param name="path">A .png or .svg file.</param>
    /// <exception cref="UserErrorException">There is nothing to draw, or the ending is another.</exception>
    public static void Save(IReadOnlyList<(string Run, IReadOnlyList<StepMetrics> Curve)> runs, string path)
    {
        if (runs.All(r => r.Curve.Count == 0)) throw new UserErrorException("there are no metrics to plot yet.");
        var plot = new ScottPlot.Plot();
        var palette = new ScottPlot.Palettes.Category10();
        var color = 0;
        foreach (var (run, curve) in runs)
        {
            var prefix = runs.Count > 1 ? run + " " : "";
            var train = Series(curve, MetricNames.TrainLoss);
            if (train.Steps.Length > 0)
            {
                var raw = plot.Add.ScatterLine(train.Steps, train.Values, palette.GetColor(color).WithAlpha(0.25));
                raw.LineWidth = 1;
                var smooth = plot.Add.ScatterLine(train.Steps, Smooth(train.Values), palette.GetColor(color));
                (smooth.LineWidth, smooth.LegendText) = (2, prefix + "train (smoothed)");
            }

            var val = Series(curve, MetricNames.ValLoss);
            if (val.Steps.Length > 0)
            {
                var points = plot.Add.Scatter(val.Steps, val.Values, palette.GetColor(color + 1));
                (points.LineWidth, points.MarkerSize, points.LegendText) = (2, 6, prefix + "validation");
            }

            color += 2;
        }

        plot.Title(runs.Count == 1 ? runs[0].Run : string.Join(", ", runs.Select(r => r.Run)));
        plot.XLabel("step");
        plot.YLabel("loss (nats per token)");
        plot.ShowLegend(ScottPlot.Alignment.UpperRight);
        Picture.Save(plot, path);
    }

    private static (double[] Steps, double[] Values) Series(IReadOnlyList<StepMetrics> curve, string name)
    {
        var rows = curve.Where(r => r.Values.ContainsKey(name)).ToArray();
        return ([.. rows.Select(r => (double)r.Step)], [.. rows.Select(r => r.Values[name])]);
    }

    /// <summary>An exponential mean over about a fiftieth of the curve, without its start bias.</summary>
    private static double[] Smooth(double[] values)
    {
        var keep = 1 - 1 / Math.Max(1, values.Length / 50.0);
        var (sum, weight) = (0.0, 0.0);
        return [.. values.Select(v =>
        {
            (sum, weight) = (sum * keep + v, weight * keep + 1);
            return sum / weight;
        })];
    }
}
