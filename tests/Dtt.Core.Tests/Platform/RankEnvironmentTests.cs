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
}
