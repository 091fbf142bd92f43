using System.Runtime.InteropServices;
using Dtt.Core.Errors;
using Dtt.Tests;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Native;

public sealed class TorchRuntimeTests
{
    [Fact]
    public void Load_AFolderWhoseLibrariesDoNotLoad_NamesIt()
    {
        using var folder = new TempFolder();
        Assert.Contains("no libc10.so in it", Assert.Throws<UserErrorException>(() => TorchRuntime.LoadFrom(folder.Path)).Message);
        foreach (var name in new[] { "libc10.so", "libtorch_cpu.so", "libtorch.so" }) folder.Write(name, "not a library");
        var error = Assert.Throws<UserErrorException>(() => TorchRuntime.LoadFrom(folder.Path));
        Assert.Contains(folder.Path, error.Message);
        Assert.Contains("DTT_LIBTORCH", error.Message);
    }

    [Theory]
    [InlineData("2.9.1", false)]
    [InlineData("2.10.0", true)]
    [InlineData("2.11.0", true)]
    [InlineData("2.13.0", false)]
    [InlineData("3.10.0", false)]
    [InlineData(null, false)]
    public void RequireKnown_OfAVersionThatTorchSharpDoesNotFit_Refuses(string? version, bool fits)
    {
        void Require() => TorchRuntime.RequireKnown(version is null ? null : Version.Parse(version), "/some/lib");
        if (fits) Require();
        else Assert.Contains("/some/lib", Assert.Throws<UserErrorException>(Require).Message);
    }

    [Fact]
    public void LibtorchVersion_IsThatOfTheLoadedLibrary()
    {
        Assert.NotNull(LoadedLibrary.PathOf("libtorch_cpu"));
        TorchRuntime.RequireKnown(Version.Parse(TorchRuntime.LibtorchVersion), "this process");
        if (File.Exists(Path.Combine(AppContext.BaseDirectory, "libtorch_cpu.so"))) Assert.Equal(__version__, TorchRuntime.LibtorchVersion);   // the package's
    }

    [Fact]
    public void Fingerprint_OfACpu_IsWhatCheckpointsHold() => Assert.Matches(
        $@"^libtorch \d+\.\d+\.\d+\.0; cpu (avx512|avx2|baseline) .+; {TorchRuntime.Threads} threads; world 2; bf16; kernels 3$",
        TorchRuntime.Fingerprint(CPU, bf16: true, worldSize: 2, hasKernels: false, deterministic: true));

    [Theory]
    [InlineData("0", true)]
    [InlineData("GPU-5ebe9ad5", true)]
    [InlineData("", false)]
    [InlineData("-1", false)]
    [InlineData(null, false)]
    public void Device_OfALibtorchForCpus_IsTheCpu_AndAGivenGpuIsNamedAsIdle(string? given, bool isIdle)
    {
        Assert.SkipWhen(cuda.is_available(), "there is a GPU");
        const string variable = "CUDA_VISIBLE_DEVICES";
        var before = Environment.GetEnvironmentVariable(variable);
        try
        {
            Environment.SetEnvironmentVariable(variable, given);
            foreach (var wantCuda in new[] { false, true })
            {
                Assert.Equal(CPU.type, TorchRuntime.Device(wantCuda).type);
                if (isIdle && wantCuda) Assert.Contains($"built for CPUs, so the run trains on the CPU and GPU {given} stays idle", TorchRuntime.IdleGpu(true));
                else Assert.Null(TorchRuntime.IdleGpu(wantCuda));
            }
        }
        finally
        {
            Environment.SetEnvironmentVariable(variable, before);
        }
    }

    [Fact]
    public void IsOutOfMemory_KnowsTorchsErrors()
    {
        Assert.True(TorchRuntime.IsOutOfMemory(Record.Exception(() => empty(1L << 50, dtype: ScalarType.Float32))!));
        Assert.False(TorchRuntime.IsOutOfMemory(new ExternalException("mat1 and mat2 shapes cannot be multiplied")));
        Assert.True(TorchRuntime.IsOutOfMemory(new ExternalException("CUDA out of memory. Tried to allocate 2.00 GiB.")));
    }

    [Fact]
    public void RealPath_FollowsLinksOfFoldersAndFiles()
    {
        using var folder = new TempFolder();
        var real = LoadedLibrary.RealPath(folder.Write("real/lib/a.so", ""));
        Directory.CreateSymbolicLink(folder["link"], folder["real"]);
        File.CreateSymbolicLink(folder["b.so"], folder["link/lib/a.so"]);
        Assert.Equal(real, LoadedLibrary.RealPath(folder["link/lib/a.so"]));
        Assert.Equal(real, LoadedLibrary.RealPath(folder["b.so"]));
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("cuda")]
    public void Seeds_DecideWhatTheDeviceDraws(string device)
    {
        Assert.SkipWhen(device == "cuda" && !cuda.is_available(), "there is no GPU here");
        using var scope = NewDisposeScope();
        var place = new Device(device);
        float[] Draw(ulong seed)
        {
            Seeds.Set(place, seed);
            return Tiny.Values(rand(64, device: place));
        }

        var first = Draw(7);
        Assert.NotEqual(first, Draw(8));
        Assert.Equal(first, Draw(7));
    }

    [Fact]
    public void DeterministicAlgorithms_AreInThisLibtorch()
    {
        var (context, deterministic, fill) = TorchRuntime.DeterministicAlgorithms();
        Assert.Distinct([context, deterministic, fill]);
    }
}
