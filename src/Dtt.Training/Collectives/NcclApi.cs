using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Dtt.Core.Errors;
using Dtt.Training.Native;

namespace Dtt.Training.Collectives;

/// <summary>NCCL's C API (nccl.h of NCCL 2).</summary>
/// <param name="library">Handle of the library.</param>
internal sealed unsafe class NcclApi(nint library)
{
    private const string SystemName = "libnccl.so.2";
    private const int Success = 0, InProgress = 7, Float32 = 7, Sum = 0;
    private static readonly Lazy<NcclApi> _loaded = new(() => new NcclApi(Find()));

    /// <summary>Bytes of an id that ranks meet by.</summary>
    public const int IdBytes = 128;

    /// <summary>
    /// The library of <c>DTT_NCCL</c>, the one that libtorch has loaded, libtorch_cuda itself where it carries NCCL along, the one of a Python environment
    /// beside libtorch, or the system's.
    /// </summary>
    /// <exception cref="UserErrorException">There is none.</exception>
    public static NcclApi Loaded => _loaded.Value;

    /// <summary>A new id; the one rank that makes it hands it to the others.</summary>
    public byte[] NewId()
    {
        UniqueId id;
        Check(((delegate* unmanaged<UniqueId*, int>)Export("ncclGetUniqueId"))(&id));
        return new ReadOnlySpan<byte>(&id, IdBytes).ToArray();
    }

    /// <summary>Joins the ranks of an id; returns when all are there.</summary>
    public nint Join(byte[] id, int rank, int worldSize)
    {
        var unique = MemoryMarshal.Read<UniqueId>(id);
        nint communicator;
        Check(((delegate* unmanaged<nint*, int, UniqueId, int, int>)Export("ncclCommInitRank"))(&communicator, worldSize, unique, rank));
        return communicator;
    }

    /// <summary>Every rank gets the sum, in place.</summary>
    public void AllReduce(float* data, long count, nint communicator, nint stream) =>
        Check(((delegate* unmanaged<float*, float*, nuint, int, int, nint, nint, int>)Export("ncclAllReduce"))(
            data, data, (nuint)count, Float32, Sum, communicator, stream));

    /// <summary>The root gets the sum, in place.</summary>
    public void Reduce(float* data, long count, int root, nint communicator, nint stream) =>
        Check(((delegate* unmanaged<float*, float*, nuint, int, int, int, nint, nint, int>)Export("ncclReduce"))(
            data, data, (nuint)count, Float32, Sum, root, communicator, stream));

    /// <summary>Every rank gets the root's values, in place.</summary>
    public void Broadcast(float* data, long count, int root, nint communicator, nint stream) =>
        Check(((delegate* unmanaged<float*, float*, nuint, int, int, nint, nint, int>)Export("ncclBroadcast"))(
            data, data, (nuint)count, Float32, root, communicator, stream));

    /// <summary>Calls until <see cref="GroupEnd"/> are one operation.</summary>
    public void GroupStart() => Check(((delegate* unmanaged<int>)Export("ncclGroupStart"))());

    /// <summary>Starts the calls since <see cref="GroupStart"/>.</summary>
    public void GroupEnd() => Check(((delegate* unmanaged<int>)Export("ncclGroupEnd"))());

    /// <summary>What went wrong with a peer meanwhile, or null.</summary>
    public string? AsyncError(nint communicator)
    {
        int error;
        Check(((delegate* unmanaged<nint, int*, int>)Export("ncclCommGetAsyncError"))(communicator, &error));
        return error is Success or InProgress ? null : ErrorText(error);
    }

    /// <summary>Gives up, from any thread: whatever still runs on the device, or blocks a caller, ends.</summary>
    public void Abort(nint communicator) => _ = ((delegate* unmanaged<nint, int>)Export("ncclCommAbort"))(communicator);

    /// <summary>Leaves in order, which may wait for the peers.</summary>
    public void Destroy(nint communicator) => _ = ((delegate* unmanaged<nint, int>)Export("ncclCommDestroy"))(communicator);

    private static nint Find()
    {
        if (Environment.GetEnvironmentVariable("DTT_NCCL") is { Length: > 0 } named)
        {
            return NativeLibrary.TryLoad(named, out var mine) ? mine
                : throw new UserErrorException($"DTT_NCCL is {named}, which could not be loaded; set it to the library's file, such as {SystemName}.");
        }

        if (LoadedLibrary.Handle("libnccl.so") is { } loaded) return loaded;
        if (LoadedLibrary.Handle("libtorch_cuda.so") is { } torch && NativeLibrary.TryGetExport(torch, "ncclCommInitRank", out _)) return torch;
        var beside = LoadedLibrary.PathOf("libtorch_cuda.so") is { } path
            ? Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, "..", "..", "nvidia", "nccl", "lib", SystemName)) : SystemName;
        return NativeLibrary.TryLoad(beside, out var found) || NativeLibrary.TryLoad(SystemName, out found) ? found
            : throw new UserErrorException($"NCCL was not found, and several GPUs need it: looked in libtorch, at {beside}, "
                + $"and for {SystemName} in the system. Name the file with DTT_NCCL.");
    }

    private nint Export(string name) => NativeLibrary.GetExport(library, name);

    private string ErrorText(int result) =>
        Marshal.PtrToStringUTF8(((delegate* unmanaged<int, nint>)Export("ncclGetErrorString"))(result)) ?? $"error {result}";

    private void Check(int result)
    {
        if (result is not (Success or InProgress)) throw new PeerLostException($"NCCL: {ErrorText(result)} (NCCL_DEBUG=INFO says more in the rank's log)");
    }

    [InlineArray(IdBytes)]
    private struct UniqueId
    {
        private byte _first;
    }
}
