using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Dtt.Core.Storage;

/// <summary>Files that are whole or absent after a kill or a power cut: written beside, fsynced, renamed, and the folder fsynced.</summary>
public static partial class DurableFile
{
    private const string Ending = ".tmp";
    private const int OpenReadOnly = 0;
    private const int OpenDirectory = 0x10000;
    private const int OpenCloseOnExec = 0x80000;
    private static readonly TimeSpan _abandoned = TimeSpan.FromDays(1);

    /// <summary>Replaces <paramref name="path"/> with <paramref name="content"/> in one step.</summary>
    /// <param name="path">The file.</param>
    /// <param name="content">What it holds afterwards.</param>
    /// <param name="mode">Who may read and write it; null: as the process makes files.</param>
    /// <exception cref="IOException">The disk is full or not writable; the old content stays.</exception>
    public static void Replace(string path, ReadOnlySpan<byte> content, UnixFileMode? mode = null)
    {
        var temporary = DraftOf(path); // another process, on another node perhaps, may be replacing the same file
        try
        {
            using (var file = File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                if (mode is { } wanted) File.SetUnixFileMode(temporary, wanted);
                RandomAccess.Write(file, content, 0);
                RandomAccess.FlushToDisk(file);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            Discard(temporary);
            throw;
        }

        SyncFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    /// <summary>A name of its own beside a file that is to appear whole; <see cref="Sweep"/> knows it.</summary>
    public static string DraftOf(string path) => $"{path}.{Guid.NewGuid():N}{Ending}";

    /// <summary>Deletes what kills left in a folder of files that were being made, as far as it can; what is not a day old may yet become a file.</summary>
    public static void Sweep(string folder)
    {
        if (!Directory.Exists(folder)) return;
        foreach (var file in Directory.EnumerateFiles(folder, "*" + Ending))
        {
            if (IsDraft(file) && DateTime.UtcNow - File.GetLastWriteTimeUtc(file) > _abandoned) Discard(file);
        }
    }

    /// <summary>Makes the names in a folder durable.</summary>
    /// <exception cref="IOException">The folder cannot be opened or synced.</exception>
    public static void SyncFolder(string folder)
    {
        var descriptor = Open(folder, OpenReadOnly | OpenDirectory | OpenCloseOnExec);
        if (descriptor < 0) throw Failure("opened", folder);
        try
        {
            // Some file systems cannot sync a folder and say EINVAL: there, a rename is as durable as it gets.
            if (FSync(descriptor) != 0 && Marshal.GetLastPInvokeError() != 22) throw Failure("synced", folder);
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    private static bool IsDraft(string file) => Guid.TryParseExact(Path.GetExtension(Path.GetFileNameWithoutExtension(file)).TrimStart('.'), "N", out _);

    private static void Discard(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    private static IOException Failure(string verb, string folder) =>
        new($"{folder}: cannot be {verb}: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
