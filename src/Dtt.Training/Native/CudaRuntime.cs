using System.Globalization;
using System.Runtime.InteropServices;
using Dtt.Core.Errors;

namespace Dtt.Training.Native;

/// <summary>
/// The few calls of the CUDA runtime that TorchSharp does not offer: streams, events, memory, names. They go to the library that libtorch itself has loaded. A
/// rank sees one GPU, which is device 0.
/// </summary>
/// <param name="cudart">Handle of the CUDA runtime.</param>
/// <param name="torchCuda">Handle of libtorch_cuda.so.</param>
internal sealed unsafe class CudaRuntime(nint cudart, nint torchCuda)
{
    private const int Success = 0, NotReady = 600;
    private const uint StreamNonBlocking = 1, EventDisableTiming = 2;
    private const int CapabilityMajor = 75, CapabilityMinor = 76; // cudaDeviceAttr
    private const int PropertiesBytes = 16 * 1024;   // more than any version's cudaDeviceProp, which begins with the name
    private static readonly Lazy<CudaRuntime> _loaded = new(() => new CudaRuntime(
        LoadedLibrary.Handle("libcudart")
            ?? throw new UserErrorException("libtorch has loaded no CUDA runtime (libcudart): it is a build for CPUs, or one that DTT does not know."),
        LoadedLibrary.Handle("libtorch_cuda.so") ?? throw new UserErrorException("libtorch has no libtorch_cuda.so: it is a build for CPUs.")));

    /// <summary>The runtime that libtorch uses.</summary>
    /// <exception cref="UserErrorException">It uses none.</exception>
    public static CudaRuntime Loaded => _loaded.Value;

    /// <summary>The stream on which torch queues its work.</summary>
    public nint TorchStream()
    {
        nint stream;
        Check(((delegate* unmanaged<int, nint*, int>)NativeLibrary.GetExport(torchCuda, "aoti_torch_get_current_cuda_stream"))(0, &stream));
        return stream;
    }

    /// <summary>A stream that does not wait for any other.</summary>
    public nint NewStream()
    {
        nint stream;
        Check(((delegate* unmanaged<nint*, uint, int>)Export("cudaStreamCreateWithFlags"))(&stream, StreamNonBlocking));
        return stream;
    }

    /// <summary>An event.</summary>
    /// <param name="timed">Whether it knows when it happened.</param>
    public nint NewEvent(bool timed = false)
    {
        nint happened;
        Check(((delegate* unmanaged<nint*, uint, int>)Export("cudaEventCreateWithFlags"))(&happened, timed ? 0 : EventDisableTiming));
        return happened;
    }

    /// <summary>Seconds on the GPU between two timed events that have happened; null: it does not tell.</summary>
    public double? SecondsBetween(nint first, nint second)
    {
        float milliseconds;
        if (!NativeLibrary.TryGetExport(cudart, "cudaEventElapsedTime", out var elapsed)) return null;
        if (((delegate* unmanaged<float*, nint, nint, int>)elapsed)(&milliseconds, first, second) == Success) return milliseconds / 1000;
        ForgetError();
        return null;
    }

    /// <summary>The event happens once all that is queued on the stream so far is done.</summary>
    public void Record(nint happened, nint stream) => Check(((delegate* unmanaged<nint, nint, int>)Export("cudaEventRecord"))(happened, stream));

    /// <summary>What is queued on the stream from now on waits for the event.</summary>
    public void Wait(nint stream, nint happened) => Check(((delegate* unmanaged<nint, nint, uint, int>)Export("cudaStreamWaitEvent"))(stream, happened, 0));

    /// <summary>Whether the event has happened.</summary>
    public bool HasHappened(nint happened)
    {
        var result = ((delegate* unmanaged<nint, int>)Export("cudaEventQuery"))(happened);
        if (result != NotReady) Check(result);
        return result == Success;
    }

    /// <summary>Returns once the event has happened.</summary>
    public void Synchronize(nint happened) => Check(((delegate* unmanaged<nint, int>)Export("cudaEventSynchronize"))(happened));

    /// <summary>Frees a stream.</summary>
    public void DestroyStream(nint stream) => _ = ((delegate* unmanaged<nint, int>)Export("cudaStreamDestroy"))(stream);

    /// <summary>Frees an event.</summary>
    public void DestroyEvent(nint happened) => _ = ((delegate* unmanaged<nint, int>)Export("cudaEventDestroy"))(happened);

    /// <summary>Makes the GPU the calling thread's.</summary>
    public void UseDevice() => Check(((delegate* unmanaged<int, int>)Export("cudaSetDevice"))(0));

    /// <summary>What the GPU's machine code is called: <c>sm_90</c>.</summary>
    public string Architecture => string.Create(CultureInfo.InvariantCulture, $"sm_{Attribute(CapabilityMajor)}{Attribute(CapabilityMinor)}");

    /// <summary>Pins memory of the host, so that the GPU copies from and to it without a detour; false: it stays as it is.</summary>
    public bool TryPin(nint address, long bytes)
    {
        if (((delegate* unmanaged<nint, nint, uint, int>)Export("cudaHostRegister"))(address, (nint)bytes, 0) == Success) return true;
        ForgetError();
        return false;
    }

    /// <summary>Ends a <see cref="TryPin"/>.</summary>
    public void Unpin(nint address) => _ = ((delegate* unmanaged<nint, int>)Export("cudaHostUnregister"))(address);

    /// <summary>Memory of the GPU, bytes: what is free, and all.</summary>
    public (long Free, long Total) Memory()
    {
        nint free, total;
        Check(((delegate* unmanaged<nint*, nint*, int>)Export("cudaMemGetInfo"))(&free, &total));
        return (free, total);
    }

    /// <summary>The GPU, its driver and the runtime, as fingerprints have them: <c>NVIDIA H100 80GB HBM3, driver 13.0, runtime 13.0</c>.</summary>
    public string Describe()
    {
        var properties = stackalloc byte[PropertiesBytes];
        Check(((delegate* unmanaged<byte*, int, int>)Export("cudaGetDeviceProperties"))(properties, 0));
        return $"{Marshal.PtrToStringUTF8((nint)properties)}, driver {Version("cudaDriverGetVersion")}, runtime {Version("cudaRuntimeGetVersion")}";
    }

    /// <summary>Why there is no GPU to be seen, in the runtime's words; null: there is one.</summary>
    public string? Missing()
    {
        int count;
        var result = ((delegate* unmanaged<int*, int>)Export("cudaGetDeviceCount"))(&count);
        return result != Success ? ErrorText(result) : count == 0 ? "it counts no devices" : null;
    }

    /// <summary>CUDA's versions are 1000 × major + 10 × minor.</summary>
    private string Version(string export)
    {
        int version;
        Check(((delegate* unmanaged<int*, int>)Export(export))(&version));
        return string.Create(CultureInfo.InvariantCulture, $"{version / 1000}.{version % 1000 / 10}");
    }

    /// <summary>Or torch would take the last error for its own.</summary>
    private void ForgetError() => _ = ((delegate* unmanaged<int>)Export("cudaGetLastError"))();

    private int Attribute(int attribute)
    {
        int value;
        Check(((delegate* unmanaged<int*, int, int, int>)Export("cudaDeviceGetAttribute"))(&value, attribute, 0));
        return value;
    }

    private nint Export(string name) => NativeLibrary.GetExport(cudart, name);

    private string ErrorText(int result) => $"{Marshal.PtrToStringUTF8(((delegate* unmanaged<int, nint>)Export("cudaGetErrorString"))(result))} ({result})";

    private void Check(int result)
    {
        if (result != Success) throw new InvalidOperationException($"CUDA: {ErrorText(result)}.");
    }
}
