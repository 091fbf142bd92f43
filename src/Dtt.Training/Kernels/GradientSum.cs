using static TorchSharp.torch;

namespace Dtt.Training.Kernels;

/// <summary>A weight's part of the step's gradient, which micro-batches add to.</summary>
/// <param name="Values">Of the weight's padded shape, fp32, contiguous, from an address that is a multiple of 64.</param>
/// <param name="IsFirst">Whether the sum counts as zero, whatever it holds.</param>
internal readonly record struct GradientSum(Tensor Values, bool IsFirst);
