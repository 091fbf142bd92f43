using System.Diagnostics;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cpu;

/// <summary>The peak that a CPU run's MFU is a share of.</summary>
internal static class MatmulPeak
{
    private const int FewestTries = 6, LargeEvery = 6;
    private const double Seconds = 0.25;

    /// <summary>
    /// The best rate of 1,024³ and 2,048³ matrix products in the arithmetic of the run's products, measured here and now (FLOP/s): there is no honest
    /// datasheet number.
    /// </summary>
    public static double Measure(ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (small, large) = (Products.Operand(ones(1024, 1024, dtype: type)), Products.Operand(ones(2048, 2048, dtype: type)));
        var (best, whole) = (0.0, Stopwatch.StartNew());
        for (var i = 1; i <= FewestTries || whole.Elapsed.TotalSeconds < Seconds; i++)
        {
            var matrix = i % LargeEvery == 0 ? large : small;
            var clock = Stopwatch.StartNew();
            OneDnn.Linear(matrix, matrix).Dispose();
            best = Math.Max(best, 2.0 * Math.Pow(matrix.shape[0], 3) / clock.Elapsed.TotalSeconds);
        }

        return best;
    }
}
