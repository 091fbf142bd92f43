using System.Buffers.Binary;
using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Dtt.Core.Storage;

/// <summary>What the kernel says of a path: its owner, and the kind of file system it is on.</summary>
public static partial class FileSystem
{
    private const int CurrentFolder = -100;        // AT_FDCWD
    private const uint BasicStats = 0x7ff;         // STATX_BASIC_STATS
    private const int NoEntry = 2, NotAFolder = 20; // ENOENT, ENOTDIR
    private const int MayWrite = 2, MayEnter = 1;  // W_OK, X_OK
    private const int LongestPath = 4096;          // PATH_MAX
    private const int UserIdOffset = 20;           // stx_uid in struct statx

    private static readonly Dictionary<uint, string> _networkKinds = new()
    {
        [0x6969] = "NFS",
        [0x517B] = "SMB",
        [0xFF534D42] = "CIFS",
        [0xFE534D42] = "SMB2",
        [0x0BD00BD0] = "Lustre",
        [0x47504653] = "GPFS",
        [0x65735546] = "FUSE",
        [0x00C36400] = "Ceph",
        [0x19830326] = "BeeGFS",
        [0x01021997] = "9P",
        [0x5346414F] = "AFS",
        [0xAAD7AAEA] = "PanFS",
        [0x20030528] = "OrangeFS",
    };

    /// <summary>The user that owns a file or folder.</summary>
    /// <exception cref="IOException">It cannot be looked at.</exception>
    public static unsafe uint OwnerOf(string path)
    {
        var buffer = stackalloc byte[256];
        if (StatX(CurrentFolder, path, 0, BasicStats, buffer) != 0) throw Failure(path);
        return BinaryPrimitives.ReadUInt32LittleEndian(new ReadOnlySpan<byte>(buffer + UserIdOffset, 4));
    }

    /// <summary>Free bytes, for this user, of the disk that a path is on, or would be on once it was made.</summary>
    public static long FreeBytes(string path)
    {
        path = Path.GetFullPath(path);
        while (!Directory.Exists(path) && Path.GetDirectoryName(path) is { } parent) path = parent;
        return new DriveInfo(path).AvailableFreeSpace;
    }

    /// <summary>Whether this process may make files in a folder.</summary>
    public static bool IsWritable(string folder) => Access(folder, MayWrite | MayEnter) == 0;

    /// <summary>A path without links, absolute; null when it leads to nothing.</summary>
    public static unsafe string? RealPath(string path)
    {
        var buffer = stackalloc byte[LongestPath];
        return RealPath(path, buffer) == null ? null : Marshal.PtrToStringUTF8((nint)buffer);
    }

    /// <summary>A file's size and times; a link's are those of the file that it leads to, while <see cref="FileInfo"/> alone tells the link's own.</summary>
    public static FileInfo Target(string path) => new(RealPath(path) ?? path);

    /// <summary>This process's effective user.</summary>
    [LibraryImport("libc", EntryPoint = "geteuid")]
    public static partial uint UserId();

    /// <summary>The network (or user-space) file system that a path is on, or would be on once it was made; null for a local one.</summary>
    /// <exception cref="IOException">It cannot be looked at.</exception>
    public static unsafe string? NetworkKind(string path)
    {
        var buffer = stackalloc byte[256];
        while (StatFs(path, buffer) != 0 && Marshal.GetLastPInvokeError() is NoEntry or NotAFolder && Path.GetDirectoryName(path) is { } parent) path = parent;
        if (StatFs(path, buffer) != 0) throw Failure(path);
        return _networkKinds.GetValueOrDefault(BinaryPrimitives.ReadUInt32LittleEndian(new ReadOnlySpan<byte>(buffer, 4)));
    }

    private static IOException Failure(string path) => new($"{path}: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int StatX(int folder, string path, int flags, uint mask, byte* result);

    [LibraryImport("libc", EntryPoint = "access", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);

    [LibraryImport("libc", EntryPoint = "statfs", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int StatFs(string path, byte* result);

    [LibraryImport("libc", EntryPoint = "realpath", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial byte* RealPath(string path, byte* result);
}
