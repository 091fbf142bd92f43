using System.Runtime.Intrinsics;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels;

/// <summary>Adam's and AdamW's update on a CPU in one pass over memory, the working copy's bf16 values among it; the arithmetic is that of torch's fused kernels.</summary>
/// <param name="Rate">Learning rate.</param>
/// <param name="Beta1">Decay of the first moment.</param>
/// <param name="Beta2">Decay of the second moment.</param>
/// <param name="Decay">Weight decay.</param>
/// <param name="Epsilon">Added to the root of the second moment.</param>
/// <param name="Step">Which update this is, from 1.</param>
/// <param name="Scale">Divides the gradient.</param>
/// <param name="Decoupled">Whether weights decay beside the gradient (AdamW) or within it (Adam).</param>
internal sealed unsafe record AdamStep(double Rate, double Beta1, double Beta2, double Decay, double Epsilon, long Step, float Scale, bool Decoupled)
{
    private const int Lanes = IStorage.Lanes;

    /// <summary>Updates n values, a multiple of 16.</summary>
    /// <param name="master">(n) fp32.</param>
    /// <param name="gradient">(n) fp32.</param>
    /// <param name="firstMoment">(n) fp32.</param>
    /// <param name="secondMoment">(n) fp32.</param>
    /// <param name="working">(n) bf16, or the master itself.</param>
    public void Apply(Tensor master, Tensor gradient, Tensor firstMoment, Tensor secondMoment, Tensor working)
    {
        var (p, g, m, v) = (TensorMemory.AddressOf(master), TensorMemory.AddressOf(gradient), TensorMemory.AddressOf(firstMoment), TensorMemory.AddressOf(secondMoment));
        var bf16 = working.dtype == ScalarType.BFloat16 ? TensorMemory.AddressOf(working) : 0;
        OpenMp.For((int)(master.numel() / Lanes), (first, end) => Range((float*)p, (float*)g, (float*)m, (float*)v, (ushort*)bf16, (long)first * Lanes, (long)end * Lanes));
    }

    private void Range(float* p, float* g, float* m, float* v, ushort* working, long first, long end)
    {
        var shrink = Vector512.Create((float)(Decoupled ? 1 - Rate * Decay : 1));
        var added = Vector512.Create((float)(Decoupled ? 0 : Decay));
        var (scale, fresh1) = (Vector512.Create(Scale), Vector512.Create((float)(1 - Beta1)));
        var (kept2, fresh2) = (Vector512.Create((float)Beta2), Vector512.Create((float)(1 - Beta2)));
        var size = Vector512.Create((float)(Rate / (1 - Math.Pow(Beta1, Step))));
        var root = Vector512.Create((float)Math.Sqrt(1 - Math.Pow(Beta2, Step)));
        var epsilon = Vector512.Create((float)Epsilon);
        for (var i = first; i < end; i += Lanes)
        {
            var weight = Vector512.Load(p + i);
            var slope = Vector512.Load(g + i) / scale + weight * added;
            var average = Vector512.Load(m + i);
            average += (slope - average) * fresh1;
            var square = Vector512.Load(v + i) * kept2 + slope * slope * fresh2;
            weight = weight * shrink - size * average / (Vector512.Sqrt(square) / root + epsilon);
            average.Store(m + i);
            square.Store(v + i);
            weight.Store(p + i);
            if (working != null) Bf16.Store(weight, working, i);
        }
    }
}
