using Dtt.Training.Collectives;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Collectives;

/// <summary>What NCCL and CUDA are told, in which order, and what happens when peers do not come; without a GPU.</summary>
public sealed class NcclStubTests
{
    private static readonly TimeSpan _long = TimeSpan.FromMinutes(1);

    [Fact]
    public void Join_PassesTheWholeIdByValue()
    {
        var gpu = new StubGpu();
        using var nccl = Collective(gpu);
        Assert.Equal("init rank 1 of 2, id whole", gpu.Log[0]);
    }

    [Fact]
    public void AllReduce_WaitsForTorchAndTorchForIt()
    {
        var gpu = new StubGpu();
        using var nccl = Collective(gpu);
        using var values = zeros(1000);
        nccl.AllReduce(values);
        var ready = gpu.Log[1][7..8];
        var done = ready == "0" ? "1" : "0";
        string[] expected =
            [$"record {ready} on 1", $"2 waits for {ready}", "all-reduce 1000 of type 7 by 0 on 2 in 7", $"record {done} on 2", $"1 waits for {done}"];
        Assert.Equal(expected, gpu.Log[1..6]);
    }

    [Fact]
    public void ReduceScatterAndAllGather_AreOneGroupOfTheRanksShares()
    {
        var gpu = new StubGpu();
        using var nccl = Collective(gpu);
        using var values = zeros(100);
        nccl.ReduceScatter(values, [0, 64, 100]);
        nccl.AllGather(values, [0, 100, 100]);
        string[] expected = ["group", "reduce 64 to 0", "reduce 36 to 1", "end of group", "group", "broadcast 100 from 0", "end of group"];
        Assert.Equal(expected, gpu.Log.Where(l => l.Contains("group") || l.Contains("reduce ") || l.Contains("broadcast")));
    }

    [Fact]
    public void ReduceScatter_AnErrorWithinTheGroup_EndsTheGroup()
    {
        var gpu = new StubGpu();
        using var nccl = Collective(gpu);
        using var values = zeros(100);
        gpu.Fail("ncclReduce");
        Assert.Throws<PeerLostException>(() => nccl.ReduceScatter(values, [0, 64, 100]));
        Assert.Equal("end of group", gpu.Log[^1]);
    }

    [Fact]
    public async Task AllReduce_ThatBlocksInNccl_IsAbortedByTheWatch()
    {
        var gpu = new StubGpu();
        var nccl = Collective(gpu, TimeSpan.FromMilliseconds(200));
        gpu.Block();
        using var values = zeros(100);
        var blocked = Task.Factory.StartNew(() => nccl.AllReduce(values), TaskCreationOptions.LongRunning);
        var lost = await Assert.ThrowsAsync<PeerLostException>(() => blocked.WaitAsync(_long));
        Assert.Contains("did not come to collective 1", lost.Message);
        Assert.Contains("did not come", Assert.Throws<PeerLostException>(nccl.ThrowIfBroken).Message);
        nccl.Dispose();
        Assert.Equal(1, gpu.Log.Count(l => l == "abort"));
        Assert.DoesNotContain("destroy", gpu.Log);
    }

    [Fact]
    public async Task APeersError_BreaksTheCollective()
    {
        var gpu = new StubGpu();
        using var nccl = Collective(gpu);
        gpu.Fail("async");
        var broken = Task.Factory.StartNew(() => { while (Record.Exception(nccl.ThrowIfBroken) is null) Thread.Yield(); }, TaskCreationOptions.LongRunning);
        await broken.WaitAsync(_long);
        Assert.Contains("internal error", Assert.Throws<PeerLostException>(nccl.ThrowIfBroken).Message);
    }

    [Theory]
    [InlineData(true, "destroy")]
    [InlineData(false, "abort")]
    public void Dispose_LeavesInOrderOnlyWhenComplete(bool isComplete, string end)
    {
        var gpu = new StubGpu();
        using (var nccl = Collective(gpu))
        {
            if (isComplete) nccl.Complete();
        }

        Assert.Equal(end, gpu.Log[^1]);
    }

    [Fact]
    public async Task Progress_TellsWhatIsBegunAndWhatIsDone()
    {
        var gpu = new StubGpu();
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);   // not within the watch
        var told = new List<(long Begun, long Completed)>();
        using var nccl = Collective(gpu, progress: (begun, completed) =>
        {
            told.Add((begun, completed));
            if (completed == 3) done.TrySetResult();
        });
        using var values = zeros(100);
        for (var i = 0; i < 3; i++) nccl.BeginAllReduce(values);
        await done.Task.WaitAsync(_long);
        Assert.Equal((3L, 3L), told[^1]);
        Assert.All(told.Zip(told.Skip(1)), pair => Assert.True(pair.Second.Begun >= pair.First.Begun && pair.Second.Completed >= pair.First.Completed));
    }

    [Fact]
    public void Cuda_DescribesTheGpu_AndSaysWhyThereIsNone()
    {
        var cuda = new StubGpu().Cuda;
        Assert.Equal("Stub H100, driver 13.0, runtime 12.8", cuda.Describe());
        Assert.Equal("no CUDA-capable device is detected (100)", cuda.Missing());
        Assert.Equal((3L, 4L), cuda.Memory());
    }

    private static NcclCollective Collective(StubGpu gpu, TimeSpan? timeout = null, Action<long, long>? progress = null) =>
        new(gpu.Nccl, gpu.Cuda, CPU, gpu.Nccl.NewId(), rank: 1, worldSize: 2, timeout ?? _long, progress);
}
