using System.Globalization;

namespace Dtt.Core.Runs;

/// <summary>The line that logs show for a step.</summary>
public static class StepLine
{
    /// <summary><c>step 00120/19073 | loss 4.8123 | lr 5.9e-04 | norm 0.83 | dt 212.4 ms | tok/s 2,468,211 | mfu 41.2%</c>.</summary>
    public static string Format(StepMetrics metrics, long totalSteps)
    {
        string Text(string name, string format, double scale = 1) =>
            metrics.Values.TryGetValue(name, out var value) ? (value * scale).ToString(format, CultureInfo.InvariantCulture) : "";
        var total = totalSteps.ToString(CultureInfo.InvariantCulture);
        var step = metrics.Step.ToString(CultureInfo.InvariantCulture).PadLeft(total.Length, '0');
        var mfu = metrics.Values.ContainsKey(MetricNames.Mfu) ? Text(MetricNames.Mfu, "0.0", 100) + "%" : "n/a";
        return $"step {step}/{total} | loss {Text(MetricNames.TrainLoss, "0.0000")} | lr {Text(MetricNames.LearningRate, "0.0e+00")} "
            + $"| norm {Text(MetricNames.GradNorm, "0.00")} | dt {Text(MetricNames.StepSeconds, "0.0", 1000)} ms "
            + $"| tok/s {Text(MetricNames.TokensPerSecond, "N0")} | mfu {mfu}";
    }
}
