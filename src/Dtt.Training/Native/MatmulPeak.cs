using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Native;

/// <summary>The peak that a run's MFU is a share of.</summary>
internal static class MatmulPeak
{
    private const int Side = 1024, Tries = 12;

    /// <summary>
    /// On a CPU, the best rate of a 1,024³ matrix product in the run's own arithmetic, measured here and now (FLOP/s): there is no honest datasheet number.
    /// On other devices null: MFU then reads n/a rather than a wrong number.
    /// </summary>
    public static double? Measure(Device device, ScalarType type)
    {
        if (device.type != DeviceType.CPU) return null;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (a, b) = (ones(Side, Side, dtype: type), ones(Side, Side, dtype: type));
        var best = double.MaxValue;
        for (var i = 0; i < Tries; i++)
        {
            var clock = Stopwatch.StartNew();
            a.matmul(b).Dispose();
            best = Math.Min(best, clock.Elapsed.TotalSeconds);
        }

        return 2.0 * Side * Side * Side / best;
    }
}
