using System.Runtime.InteropServices;
using Dtt.Tests;
using Dtt.Training.Collectives;
using Dtt.Training.Native;

namespace Dtt.Training.Tests.Collectives;

/// <summary>stub_gpu.c as a library: CUDA and NCCL that write down what they are told.</summary>
internal sealed unsafe class StubGpu
{
    private static readonly Lazy<(nint Handle, string? WhyNot)> _library = new(Build);

    /// <summary>A fresh one; the test is skipped where there is no C compiler.</summary>
    public StubGpu()
    {
        Assert.SkipUnless(_library.Value.WhyNot is null, _library.Value.WhyNot ?? "");
        (Nccl, Cuda) = (new NcclApi(Handle), new CudaRuntime(Handle, Handle));
        ((delegate* unmanaged<void>)Export("stub_reset"))();
    }

    public NcclApi Nccl { get; }

    public CudaRuntime Cuda { get; }

    /// <summary>What was called so far.</summary>
    public string[] Log => Marshal.PtrToStringUTF8(((delegate* unmanaged<nint>)Export("stub_log"))())!.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static nint Handle => _library.Value.Handle;

    /// <summary>A call of this name returns an error from now on.</summary>
    public void Fail(string name)
    {
        var text = Marshal.StringToHGlobalAnsi(name);
        ((delegate* unmanaged<nint, void>)Export("stub_fail"))(text);
        Marshal.FreeHGlobal(text);
    }

    /// <summary>An all-reduce returns only after an abort, and no event happens.</summary>
    public void Block() => ((delegate* unmanaged<void>)Export("stub_block"))();

    /// <summary>What the GPU's clock says from now on.</summary>
    public void SetTime(double milliseconds) => ((delegate* unmanaged<double, void>)Export("stub_time"))(milliseconds);

    private static nint Export(string name) => NativeLibrary.GetExport(Handle, name);

    private static (nint, string?) Build() =>
        NativeBuild.Load("cc", Repository.At("tests", "Dtt.Training.Tests", "Collectives", "stub_gpu.c"), "-pthread");
}
