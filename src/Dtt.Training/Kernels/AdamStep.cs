using static TorchSharp.torch;

namespace Dtt.Training.Kernels;

/// <summary>One update of Adam or AdamW.</summary>
/// <param name="LearningRate">Learning rate.</param>
/// <param name="Beta1">Decay of the first moment.</param>
/// <param name="Beta2">Decay of the second moment.</param>
/// <param name="WeightDecay">Weight decay.</param>
/// <param name="Epsilon">Added to the root of the second moment.</param>
/// <param name="Step">Which update this is, from 1.</param>
/// <param name="Decoupled">Whether weights decay beside the gradient (AdamW) or within it (Adam).</param>
internal sealed record AdamStep(double LearningRate, double Beta1, double Beta2, double WeightDecay, double Epsilon, long Step, bool Decoupled);

/// <summary>The values of an update, n of each, a multiple of 16.</summary>
/// <param name="Master">(n) fp32.</param>
/// <param name="Gradient">(n) fp32.</param>
/// <param name="FirstMoment">(n) fp32.</param>
/// <param name="SecondMoment">(n) fp32.</param>
/// <param name="Working">(n) bf16, or the master itself.</param>
internal sealed record AdamValues(Tensor Master, Tensor Gradient, Tensor FirstMoment, Tensor SecondMoment, Tensor Working);
