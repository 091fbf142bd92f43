using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Tests;

namespace Dtt.Core.Tests.Models;

public sealed class RunNeedsTests
{
    private static readonly RunNeeds _needs = new(ConfigLoader.Load(Repository.At("configs", "quickstart.yaml"), [], TimeProvider.System).Run);

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
