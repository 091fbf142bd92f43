using Dtt.Core.Platform;
using Dtt.Silo.Ranks;
using Dtt.Tests;

namespace Dtt.Silo.Tests.Ranks;

public sealed class DeviceInventoryTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("-1", "")]
    [InlineData("NoDevFiles", "")]
    [InlineData("0", "0")]
    [InlineData("2, 0", "2 0")]
    [InlineData("1,-1,0", "1")]
    [InlineData("1,,0", "1")]
    [InlineData("0,0,1", "0 1")]
    [InlineData("GPU-5ebe9ad5,MIG-GPU-5ebe9ad5/1/0,MIG-3ee2,gpu-1,3", "GPU-5ebe9ad5 MIG-GPU-5ebe9ad5/1/0 MIG-3ee2")]
    public void Gpus_AList_EndsAtTheFirstEntryThatIsNoDevice(string visible, string expected) =>
        Assert.Equal(expected, string.Join(' ', DeviceInventory.Gpus(visible, "/nowhere")));

    [Fact]
    public void Gpus_WithoutAList_AreAsManyAsTheDriversFiles_CountedFromZero()
    {
        using var folder = new TempFolder();
        Assert.Empty(DeviceInventory.Gpus(null, folder.Path));
        foreach (var file in new[] { "nvidia3", "nvidia10", "nvidiactl", "nvidia-uvm", "nvidia-caps" }) folder.Write(file, "");
        Assert.Equal(["0", "1"], DeviceInventory.Gpus(null, folder.Path));
    }

    [Fact]
    public void LockFile_OfAGpu_IsOneForAllHomes_ButJobsCountTheirsFromZero()
    {
        using var folder = new TempFolder();
        string FileOf(string home, string device, string? job) => DeviceInventory.LockFile(device, new PlatformFolders(folder[home], folder[home]), job);
        Assert.Equal(FileOf("a", "gpu:0", null), FileOf("b", "gpu:0", null));
        Assert.Equal(FileOf("a", "gpu:0", "7"), FileOf("b", "gpu:0", "7"));
        Assert.NotEqual(FileOf("a", "gpu:0", "7"), FileOf("a", "gpu:0", "8"));
        Assert.NotEqual(FileOf("a", "cpu", null), FileOf("b", "cpu", null));
    }
}
