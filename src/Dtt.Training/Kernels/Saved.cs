using static TorchSharp.torch;

namespace Dtt.Training.Kernels;

/// <summary>What forward leaves for backward; whoever holds it disposes the tensors after that.</summary>
internal record Saved(params Tensor[] Tensors);
