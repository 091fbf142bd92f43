using System.Runtime.InteropServices;
using System.Text;

namespace Dtt.Training.Native;

/// <summary>Kernels of our own on the GPU, by the driver's API; they are queued on torch's stream, in order with what torch queues there.</summary>
internal sealed unsafe class CudaModule
{
    private readonly CudaRuntime _runtime;
    private readonly nint _driver, _module, _launch;
    private readonly Dictionary<string, nint> _functions = new(StringComparer.Ordinal);

    /// <summary>Loads machine code; it stays loaded as long as the process.</summary>
    /// <param name="runtime">The CUDA runtime.</param>
    /// <param name="driver">Handle of the driver's library.</param>
    /// <param name="cubin">The code.</param>
    public CudaModule(CudaRuntime runtime, nint driver, ReadOnlySpan<byte> cubin)
    {
        (_runtime, _driver) = (runtime, driver);
        _launch = Export("cuLaunchKernel");
        runtime.UseDevice();
        fixed (byte* code = cubin)
        {
            nint module;
            Check(((delegate* unmanaged<nint*, void*, int>)Export("cuModuleLoadData"))(&module, code));
            _module = module;
        }
    }

    /// <summary>Queues a kernel.</summary>
    /// <param name="kernel">Its name.</param>
    /// <param name="blocks">How many blocks: columns and rows of them.</param>
    /// <param name="threads">Threads of each.</param>
    /// <param name="arguments">Addresses of the arguments' values, in the kernel's order and types.</param>
    public void Launch(string kernel, (long X, long Y) blocks, uint threads, params ReadOnlySpan<nint> arguments)
    {
        _runtime.UseDevice(); // the calling thread's context may be none yet
        fixed (nint* values = arguments)
        {
            Check(((delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int>)_launch)(
                Function(kernel), (uint)blocks.X, (uint)blocks.Y, 1, threads, 1, 1, 0, _runtime.TorchStream(), (void**)values, null));
        }
    }

    private nint Function(string name)
    {
        lock (_functions)
        {
            if (_functions.TryGetValue(name, out var found)) return found;
            nint function;
            fixed (byte* text = (byte[])[.. Encoding.UTF8.GetBytes(name), 0])
                Check(((delegate* unmanaged<nint*, nint, byte*, int>)Export("cuModuleGetFunction"))(&function, _module, text));
            return _functions[name] = function;
        }
    }

    private nint Export(string name) => NativeLibrary.GetExport(_driver, name);

    private void Check(int result)
    {
        if (result == 0) return;
        nint text;
        var known = ((delegate* unmanaged<int, nint*, int>)Export("cuGetErrorString"))(result, &text) == 0;
        throw new ExternalException($"CUDA's driver: {(known ? Marshal.PtrToStringUTF8(text) : "error")} ({result})");
    }
}
