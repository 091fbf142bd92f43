using System.Runtime.InteropServices;
using Dtt.Core.Errors;

namespace Dtt.Training.Native;

/// <summary>
/// The few calls of the CUDA runtime that TorchSharp does not offer: streams, events, memory. They go to the library that libtorch itself has loaded. A rank sees one GPU, which is device 0.
/// </summary>
internal static unsafe class CudaRuntime
{
    private const int Success = 0, NotReady = 600;
    private const uint StreamNonBlocking = 1, EventDisableTiming = 2;
    private static readonly Lazy<nint> _library = new(() => LoadedLibrary.Handle("libcudart") ?? throw new UserErrorException("libtorch has loaded no CUDA runtime (libcudart): it is a build for CPUs, or one that DTT does not know."));
    private static readonly Lazy<nint> _torchCuda = new(() => LoadedLibrary.Handle("libtorch_cuda.so") ?? throw new UserErrorException("libtorch has no libtorch_cuda.so: it is a build for CPUs."));

    /// <summary>The stream on which torch queues its work.</summary>
    public static nint TorchStream()
    {
        nint stream;
        Check(((delegate* unmanaged<int, nint*, int>)NativeLibrary.GetExport(_torchCuda.Value, "aoti_torch_get_current_cuda_stream"))(0, &stream));
        return stream;
    }

    /// <summary>A stream that does not wait for any other.</summary>
    public static nint NewStream()
    {
        nint stream;
        Check(((delegate* unmanaged<nint*, uint, int>)Export("cudaStreamCreateWithFlags"))(&stream, StreamNonBlocking));
        return stream;
    }

    /// <summary>An event.</summary>
    public static nint NewEvent()
    {
        nint happened;
        Check(((delegate* unmanaged<nint*, uint, int>)Export("cudaEventCreateWithFlags"))(&happened, EventDisableTiming));
        return happened;
    }

    /// <summary>The event happens once all that is queued on the stream so far is done.</summary>
    public static void Record(nint happened, nint stream) => Check(((delegate* unmanaged<nint, nint, int>)Export("cudaEventRecord"))(happened, stream));

    /// <summary>What is queued on the stream from now on waits for the event.</summary>
    public static void Wait(nint stream, nint happened) => Check(((delegate* unmanaged<nint, nint, uint, int>)Export("cudaStreamWaitEvent"))(stream, happened, 0));

    /// <summary>Whether the event has happened.</summary>
    public static bool HasHappened(nint happened)
    {
        var result = ((delegate* unmanaged<nint, int>)Export("cudaEventQuery"))(happened);
        if (result != NotReady) Check(result);
        return result == Success;
    }

    /// <summary>Returns once the event has happened.</summary>
    public static void Synchronize(nint happened) => Check(((delegate* unmanaged<nint, int>)Export("cudaEventSynchronize"))(happened));

    /// <summary>Frees a stream.</summary>
    public static void DestroyStream(nint stream) => _ = ((delegate* unmanaged<nint, int>)Export("cudaStreamDestroy"))(stream);

    /// <summary>Frees an event.</summary>
    public static void DestroyEvent(nint happened) => _ = ((delegate* unmanaged<nint, int>)Export("cudaEventDestroy"))(happened);

    /// <summary>Memory of the GPU, bytes: what is free, and all.</summary>
    public static (long Free, long Total) Memory()
    {
        nint free, total;
        Check(((delegate* unmanaged<nint*, nint*, int>)Export("cudaMemGetInfo"))(&free, &total));
        return (free, total);
    }

    private static nint Export(string name) => NativeLibrary.GetExport(_library.Value, name);

    private static void Check(int result)
    {
        if (result == Success) return;
        var text = Marshal.PtrToStringUTF8(((delegate* unmanaged<int, nint>)Export("cudaGetErrorString"))(result));
        throw new InvalidOperationException($"CUDA: {text} ({result}).");
    }
}
