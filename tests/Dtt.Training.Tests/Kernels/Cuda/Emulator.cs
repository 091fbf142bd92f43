using Dtt.Tests;
using Dtt.Training.Kernels.Cuda;
using Dtt.Training.Native;

namespace Dtt.Training.Tests.Kernels.Cuda;

/// <summary>emulator.cpp as a library, with the kernels in it: what it computes is what a GPU would, but for the last bits of roots and exponentials.</summary>
internal static class Emulator
{
    private static readonly Lazy<(nint Handle, string? WhyNot)> _library = new(Build);

    /// <summary>The kernels; the test is skipped where there is no C++ compiler.</summary>
    public static CudaModule Module
    {
        get
        {
            var (handle, whyNot) = _library.Value;
            Assert.SkipUnless(whyNot is null, whyNot ?? "");
            return new CudaModule(new CudaRuntime(handle, handle), handle, []);
        }
    }

    private static (nint, string?) Build()
    {
        using var folder = new TempFolder();
        string Part(string name) => File.ReadAllText(Repository.At("tests", "Dtt.Training.Tests", "Kernels", "Cuda", name));
        File.WriteAllText(folder["all.cpp"], $"{Part("emulator.h")}\n{CudaCode.Source()}\n{Part("emulator.cpp")}");
        return NativeBuild.Load("c++", folder["all.cpp"], "-std=c++17");
    }
}
