namespace Dtt.Abstractions.Storage;

/// <summary>An exclusive <c>flock</c> on a file: the kernel drops it when the holder dies, however it dies.</summary>
public sealed class FileLock : IDisposable
{
    private readonly FileStream _stream;

    private FileLock(FileStream stream) => _stream = stream;

    /// <summary>The lock, or null when another process (or another lock in this one) holds it.</summary>
    public static FileLock? TryTake(string path)
    {
        try
        {
            return new FileLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
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
        using var mine = TryTake(path);
        return mine is null;
    }

    /// <summary>Gives the lock back.</summary>
    public void Dispose() => _stream.Dispose();
}
