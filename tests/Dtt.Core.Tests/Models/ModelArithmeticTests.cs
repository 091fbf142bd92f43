using Dtt.Core.Configuration;
using Dtt.Core.Models;

namespace Dtt.Core.Tests.Models;

public sealed class ModelArithmeticTests
{
    /// <summary>
    /// With dropout torch spells attention out on a CPU. Measured: 2 blocks more of 8 heads in 4 windows of 1,024 tokens took 848 MB more with dropout
    /// and 48 MB more without, 11.9 bytes a weight.
    /// </summary>
    [Theory]
    [InlineData(true, "0", "true", 0)]
    [InlineData(true, "0.1", "true", 12)]
    [InlineData(true, "0.1", "false", 12)]
    [InlineData(true, "0", "false", 4)]
    [InlineData(false, "0", "true", 0)]
    [InlineData(false, "0.1", "true", 0)]
    [InlineData(false, "0.1", "false", 12)]
    public void ActivationBytes_HasAttentionsWeights_WhereTheyAreSaved(bool onCpu, string dropout, string flash, int bytesOfAWeight)
    {
        long Bytes(int blocks) => new ModelArithmetic(RunConfig.Parse($"name: r\nn_blocks: {blocks}\nn_heads: 8\nd_model: 64\nd_mlp: 64\nn_ctx: 1024\n"
            + $"vocab_size: 300\ndropout: {dropout}\nflash_attention: {flash}").Model).ActivationBytes(microBatch: 4, bf16: false, checkpointing: false, onCpu);
        const long tokens = 4 * 1024, others = tokens * (10 * 64 + 4 * 64 + 2 * 64) * 4, onGpu = tokens * 4 * 64 * 4;
        Assert.Equal(others - (onCpu ? 0 : onGpu) + bytesOfAWeight * tokens * 8 * 1024, Bytes(2) - Bytes(1));
    }
}
