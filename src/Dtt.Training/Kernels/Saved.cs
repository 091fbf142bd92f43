using static TorchSharp.torch;

namespace Dtt.Training.Kernels;

/// <summary>What forward saves for backward; the caller disposes the tensors after that.</summary>
internal record Saved(params Tensor[] Tensors);
