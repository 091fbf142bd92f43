using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Dtt.Training.Native;

namespace Dtt.Training.Kernels.Cpu;

/// <summary>
/// Parallel regions on the very threads that torch computes with: threads of our own would compete for the cores with torch's, which look for work for a while
/// after each operation. Without an OpenMP library in the process the caller does it all.
/// </summary>
internal static unsafe class OpenMp
{
    private static readonly string[] _libraries = ["libgomp", "libiomp5", "libomp"]; // the latter two know GNU's entry points, too
    private static readonly delegate* unmanaged<delegate* unmanaged<nint, void>, nint, uint, uint, void> _parallel;
    private static readonly delegate* unmanaged<void> _barrier;
    private static readonly delegate* unmanaged<int> _thread, _threads;

    static OpenMp()
    {
        foreach (var name in _libraries)
        {
            if (LoadedLibrary.Handle(name) is not { } library || !NativeLibrary.TryGetExport(library, "GOMP_parallel", out var parallel)) continue;
            _parallel = (delegate* unmanaged<delegate* unmanaged<nint, void>, nint, uint, uint, void>)parallel;
            _barrier = (delegate* unmanaged<void>)NativeLibrary.GetExport(library, "GOMP_barrier");
            _thread = (delegate* unmanaged<int>)NativeLibrary.GetExport(library, "omp_get_thread_num");
            _threads = (delegate* unmanaged<int>)NativeLibrary.GetExport(library, "omp_get_num_threads");
            return;
        }
    }

    /// <summary>Threads of a region.</summary>
    public static int Threads { get; } = TorchRuntime.Threads;

    /// <summary>
    /// Runs work(thread, threads) on every thread and returns when all are done; throws what the first of them threw. The work calls nothing of torch.
    /// </summary>
    public static void Run(Action<int, int> work)
    {
        if (_parallel == null || Threads == 1)
        {
            work(0, 1);
            return;
        }

        var region = new Region(work);
        var handle = GCHandle.Alloc(region);
        try
        {
            _parallel(&Enter, GCHandle.ToIntPtr(handle), (uint)Threads, 0);
        }
        finally
        {
            handle.Free();
        }

        region.Failure?.Throw();
    }

    /// <summary>Runs work(first, end) with a share of 0 … count − 1 on every thread.</summary>
    public static void For(int count, Action<int, int> work) => Run((thread, threads) => work(Cut(count, thread, threads), Cut(count, thread + 1, threads)));

    /// <summary>Within a region: returns when every thread has come here.</summary>
    public static void Barrier()
    {
        if (_parallel != null && Threads > 1) _barrier();
    }

    /// <summary>Where a thread's share of 0 … count − 1 begins, and that of the one before it ends.</summary>
    public static int Cut(int count, int thread, int threads) => (int)((long)count * thread / threads);

    [UnmanagedCallersOnly]
    private static void Enter(nint handle)
    {
        var region = (Region)GCHandle.FromIntPtr(handle).Target!;
        try
        {
            region.Work(_thread(), _threads());
        }
#pragma warning disable CA1031 // nothing may pass through the native frames below; Run throws it again
        catch (Exception e)
#pragma warning restore CA1031
        {
            region.Failure ??= ExceptionDispatchInfo.Capture(e);
        }
    }

    private sealed class Region(Action<int, int> work)
    {
        public Action<int, int> Work => work;

        public ExceptionDispatchInfo? Failure { get; set; }
    }
}
