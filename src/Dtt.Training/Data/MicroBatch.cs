using static TorchSharp.torch;

namespace Dtt.Training.Data;

/// <summary>The part of a step's batch that goes through the model at once.</summary>
/// <param name="Inputs">(B, T) int64.</param>
/// <param name="Targets">(B, T) int64: the token after each input.</param>
/// <param name="Scale">1 ÷ the target tokens of the whole step, so that gradients add up to the mean's, however it is divided.</param>
/// <param name="DropoutSeed">Seed of its dropout masks.</param>
internal readonly record struct MicroBatch(Tensor Inputs, Tensor Targets, double Scale, ulong DropoutSeed = 0);
