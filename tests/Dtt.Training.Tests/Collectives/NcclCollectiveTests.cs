using Dtt.Core.Errors;
using Dtt.Training.Collectives;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Collectives;

/// <summary>NCCL with one rank, which needs one GPU; without any, that its absence is explained.</summary>
public sealed class NcclCollectiveTests
{
    [Fact]
    public void OneRank_KeepsItsValues()
    {
        Assert.SkipUnless(cuda.is_available(), "there is no GPU here");
        using var scope = NewDisposeScope();
        using var nccl = new NcclCollective(NcclApi.Loaded, CudaRuntime.Loaded, CUDA, NcclApi.Loaded.NewId(), 0, 1, TimeSpan.FromMinutes(1));
        var values = arange(1000, dtype: ScalarType.Float32, device: CUDA);
        var expected = Tiny.Values(values);
        foreach (var operation in new Action<Tensor>[]
        {
            nccl.AllReduce, v => nccl.ReduceScatter(v, [0, 1000]), v => nccl.AllGather(v, [0, 1000]), v => nccl.Broadcast(v, 0),
        })
        {
            operation(values);
            Assert.Equal(expected, Tiny.Values(values));
        }

        nccl.Barrier();
        Assert.True(CudaRuntime.Loaded.Memory().Total > 0);
        nccl.Complete();
    }

    [Fact]
    public void WithoutNccl_SaysWhereItLooked()
    {
        Assert.SkipWhen(cuda.is_available(), "there is a GPU, and perhaps NCCL");
        Assert.Contains("Name the file with DTT_NCCL", Assert.Throws<UserErrorException>(() => NcclApi.Loaded).Message);
    }
}
