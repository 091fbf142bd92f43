using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Tests;

namespace Dtt.Core.Tests.Models;

public sealed class RunNeedsTests
{
    private static readonly RunNeeds _needs = new(ConfigLoader.Load(Repository.At("configs", "quickstart.yaml"), [], TimeProvider.System).Run);

    /// <summary>Measured on an H100, the CUDA context included: 22,919 MiB (GPT-2 124M, 64 × 1,024) and 17,583 MiB (llama-110m, 32 × 1,024), bf16.</summary>
    [Theory]
    [InlineData("architecture: gpt2", 64, 22_919)]
    [InlineData("architecture: llama\nn_kv_heads: 12\nd_mlp: 2048", 32, 17_583)]
    public void DeviceBytes_AreWhatWasMeasured(string model, int batch, int measured)
    {
        var config = RunConfig.Parse($"name: r\n{model}\nn_blocks: 12\nn_heads: 12\nd_model: 768\nn_ctx: 1024\nvocab_size: 50257\nbatch_size: {batch}");
        Assert.InRange(new RunNeeds(config).DeviceBytes(bf16: true), 0.95 * measured * (1 << 20), 1.1 * measured * (1 << 20));
    }

    [Fact]
    public void RequireMemory_OneByteTooFew_SaysWhatToLower()
    {
        var needed = _needs.DeviceBytes(bf16: true);
        _needs.RequireMemory(needed, needed, "the GPU");
        Assert.Contains("Lower batch_size", Assert.Throws<UserErrorException>(() => _needs.RequireMemory(needed, needed - 1, "the GPU")).Message);
    }

    [Fact]
    public void OutOfMemory_TellsTheFirstLineAndTheAdviceOfRequireMemory()
    {
        var cause = new InvalidOperationException("CUDA out of memory. Tried to allocate 2.00 GiB.\nException raised from malloc");
        var error = _needs.OutOfMemory(cause);
        Assert.StartsWith("memory ran out: CUDA out of memory. Tried to allocate 2.00 GiB. Lower batch_size", error.Message);
        Assert.DoesNotContain("Exception raised", error.Message);
        Assert.NotNull(error.InnerException);
    }
}
