using Dtt.Core.Platform;

namespace Dtt.Core.Tests.Platform;

public sealed class RankEnvironmentTests
{
    [Theory]
    [InlineData("LD_LIBRARY_PATH", true)]       // what finds libcuda.so.1 where a module puts it
    [InlineData("DTT_LIBTORCH", true)]
    [InlineData("NCCL_SOCKET_IFNAME", true)]
    [InlineData("CUDA_VISIBLE_DEVICES", false)] // the agent's to set
    [InlineData("PATH", false)]
    public void Owns_WhatDecidesARanksNumerics(string name, bool owns) => Assert.Equal(owns, RankEnvironment.Owns(name));

    [Theory]
    [InlineData(null, null, "1000")]
    [InlineData("OMP_WAIT_POLICY", "active", null)]
    [InlineData("GOMP_SPINCOUNT", "50000", "50000")]
    public void Complete_LeavesWhatIsChosen(string? name, string? value, string? spins)
    {
        var environment = new Dictionary<string, string?>();
        if (name is not null) environment[name] = value;
        RankEnvironment.Complete(environment);
        Assert.Equal(spins, environment.GetValueOrDefault("GOMP_SPINCOUNT"));
        Assert.Equal("4000000000", environment["MALLOC_MMAP_THRESHOLD_"]);
    }
}
