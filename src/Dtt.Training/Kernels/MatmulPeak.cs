using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels;

/// <summary>The peak that a run's MFU is a share of.</summary>
internal static class MatmulPeak
{
    private const int FewestTries = 6, LargeEvery = 6;
    private const double Seconds = 0.25;

    /// <summary>
    /// On a CPU, the best rate of 1,024³ and 2,048³ matrix products in the arithmetic that the run's products take, measured here and now (FLOP/s): there is no honest datasheet number.
    /// On other devices null: MFU then reads n/a rather than a wrong number.
    /// </summary>
    public static double? Measure(Device device, ScalarType type)
    {
        if (device.type != DeviceType.CPU) return null;
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
