namespace Dtt.Core.Storage;

/// <summary>A <c>flock</c> on a file: the kernel drops it when the holder dies, however it dies.</summary>
public sealed class FileLock : IDisposable
{
    private readonly FileStream _stream;

    private FileLock(FileStream stream) => _stream = stream;

    /// <summary>The lock, alone, or null when another process (or another lock in this one) holds it.</summary>
    public static FileLock? TryAcquire(string path) => Try(path, FileAccess.ReadWrite, FileShare.None);

    /// <summary>The lock, shared with others that share it, or null when somebody holds it alone.</summary>
    public static FileLock? TryAcquireShared(string path) => Try(path, FileAccess.Read, FileShare.Read);

    private static FileLock? Try(string path, FileAccess access, FileShare share)
    {
        try
        {
            return new FileLock(new FileStream(path, FileMode.OpenOrCreate, access, share));
        }
        catch (IOException e) when (e is not (FileNotFoundException or DirectoryNotFoundException or PathTooLongException) && File.Exists(path))
        {
            return null;
        }
    }

    /// <summary>Whether somebody holds the lock; false when the file does not exist.</summary>
    public static bool IsHeld(string path)
    {
        if (!File.Exists(path)) return false;
        using var mine = TryAcquire(path);
        return mine is null;
    }

    /// <summary>Releases the lock.</summary>
    public void Dispose() => _stream.Dispose();
}
