using Dtt.Training.Kernels.Cuda;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Kernels.Cuda;

/// <summary>What GPUs are asked for by name is there in this libtorch, and what a CPU can do of it, too, is what it should be.</summary>
public sealed class CudaScriptTests
{
    [Fact]
    public void Script_KnowsTheOperations()
    {
        using var scope = NewDisposeScope();
        using var script = CudaKernels.Compile();                                                  // an operation without that signature would not compile
        var (rows, ids) = (randn(6, 37), tensor(new long[] { 3, 0, 3, 10, 3, 0 }));
        using var count = 11L.ToScalar();
        var sums = zeros(11, 37);
        foreach (var (i, id) in new[] { 3, 0, 3, 10, 3, 0 }.Index()) sums[id] = sums[id] + rows[i];
        Assert.True(script.invoke<Tensor>("embedding_gradient", rows, ids, count).allclose(sums, 1e-5, 1e-6));
    }
}
