using System.Text.RegularExpressions;
using Dtt.Tests;

namespace Dtt.Training.Tests.Kernels;

public sealed partial class SeamTests
{
    /// <summary>Only IKernels.Of knows the device; what is above the seam, and each side of it, does not ask.</summary>
    [Theory]
    [InlineData("Model")]
    [InlineData("Optimizers")]
    [InlineData("Kernels")]
    public void Sources_NeverAskForTheDevice(string folder)
    {
        var files = Directory.GetFiles(Repository.At("src", "Dtt.Training", folder), "*.cs", SearchOption.AllDirectories);
        Assert.NotEmpty(files);
        Assert.Equal(folder == "Kernels" ? ["IKernels.cs"] : [], files.Where(file => Question().IsMatch(File.ReadAllText(file))).Select(Path.GetFileName));
    }

    [GeneratedRegex(@"DeviceType\.|device_type|device\.type|is_cuda")]
    private static partial Regex Question();
}
