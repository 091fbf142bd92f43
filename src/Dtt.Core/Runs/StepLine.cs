using System.Globalization;

namespace Dtt.Core.Runs;

/// <summary>The one line a step that logs show.</summary>
public static class StepLine
{
    /// <summary><c>step 00120/19073 | loss 4.8123 | lr 5.9e-04 | norm 0.83 | dt 212.4 ms | tok/s 2,468,211 | mfu 41.2%</c>.</summary>
    public static string Format(StepMetrics metrics, long totalSteps)
    {
        double? Value(string name) => metrics.Values.TryGetValue(name, out var v) ? v : null;
        var mfu = Value(MetricNames.Mfu) is { } share ? (share * 100).ToString("0.0", CultureInfo.InvariantCulture) + "%" : "n/a";
        return string.Create(CultureInfo.InvariantCulture,
            $"step {metrics.Step.ToString(new string('0', totalSteps.ToString(CultureInfo.InvariantCulture).Length), CultureInfo.InvariantCulture)}/{totalSteps} | loss {Value(MetricNames.TrainLoss):0.0000} | lr {Value(MetricNames.LearningRate):0.0e+00} | norm {Value(MetricNames.GradNorm):0.00} | dt {Value(MetricNames.StepSeconds) * 1000:0.0} ms | tok/s {Value(MetricNames.TokensPerSecond):N0} | mfu {mfu}");
    }
}
