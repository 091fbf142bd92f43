using System.Runtime.Intrinsics;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cpu;

/// <summary>
/// Adam's and AdamW's update in one pass over memory, the working copy's bf16 values among it; the arithmetic is that of torch's fused kernels.
/// </summary>
internal static unsafe class CpuAdam
{
    private const int Lanes = IStorage.Lanes;

    /// <summary>Updates master, moments and working copy from gradient ÷ scale.</summary>
    public static void Apply(AdamStep step, AdamValues values, float scale)
    {
        var (p, g) = (TensorMemory.AddressOf(values.Master), TensorMemory.AddressOf(values.Gradient));
        var (m, v) = (TensorMemory.AddressOf(values.FirstMoment), TensorMemory.AddressOf(values.SecondMoment));
        var bf16 = values.Working.dtype == ScalarType.BFloat16 ? TensorMemory.AddressOf(values.Working) : 0;
        OpenMp.For((int)(values.Master.numel() / Lanes), (first, end) =>
            Range(step, scale, (float*)p, (float*)g, (float*)m, (float*)v, (ushort*)bf16, (long)first * Lanes, (long)end * Lanes));
    }

    private static void Range(AdamStep step, float gradientScale, float* p, float* g, float* m, float* v, ushort* working, long first, long end)
    {
        var shrink = Vector512.Create((float)(step.Decoupled ? 1 - step.LearningRate * step.WeightDecay : 1));
        var added = Vector512.Create((float)(step.Decoupled ? 0 : step.WeightDecay));
        var (scale, fresh1) = (Vector512.Create(gradientScale), Vector512.Create((float)(1 - step.Beta1)));
        var (decay2, fresh2) = (Vector512.Create((float)step.Beta2), Vector512.Create((float)(1 - step.Beta2)));
        var size = Vector512.Create((float)(step.LearningRate / (1 - Math.Pow(step.Beta1, step.Step))));
        var root = Vector512.Create((float)Math.Sqrt(1 - Math.Pow(step.Beta2, step.Step)));
        var epsilon = Vector512.Create((float)step.Epsilon);
        for (var i = first; i < end; i += Lanes)
        {
            var weight = Vector512.Load(p + i);
            var gradient = Vector512.Load(g + i) / scale + weight * added;
            var average = Vector512.Load(m + i);
            average += (gradient - average) * fresh1;
            var square = Vector512.Load(v + i) * decay2 + gradient * gradient * fresh2;
            weight = weight * shrink - size * average / (Vector512.Sqrt(square) / root + epsilon);
            average.Store(m + i);
            square.Store(v + i);
            weight.Store(p + i);
            if (working != null) Bf16.Store(weight, working, i);
        }
    }
}
