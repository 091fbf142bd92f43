using System.Diagnostics;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Core.Storage;

namespace Dtt.Silo.Hosting;

/// <summary>The lock that makes a silo the only one of its state folder, handed from one that ends to the next.</summary>
internal static class SoleSilo
{
    private static readonly TimeSpan _longestEnd = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan _longestStart = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _look = TimeSpan.FromMilliseconds(20);

    /// <summary>The lock, or null when another silo serves. A holder that is not announced is starting or ending: it is waited for.</summary>
    /// <exception cref="UserErrorException">It is another machine's.</exception>
    public static async Task<FileLock?> AcquireAsync(PlatformFolders folders)
    {
        using var timer = new PeriodicTimer(_look);
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < _longestEnd; await timer.WaitForNextTickAsync())
        {
            if (FileLock.TryAcquire(folders.LockFile) is { } only)
            {
                Clear(folders);
                return only;
            }

            if (SiloAnnouncement.FindLiving(folders.AnnouncementFile) is not null) return null;
            if (clock.Elapsed > _longestStart && SiloAnnouncement.Read(folders.AnnouncementFile) is { IsOfHere: false } other)
                throw new UserErrorException($"{folders.State} is the state of the silo on {other.Node}, another machine: each needs a folder of its own, on a "
                    + "local disk. Name one with DTT_STATE, such as /var/tmp/dtt-$UID.", ExitCodes.BadConfiguration);
        }

        return null;
    }

    /// <summary>What a killed silo left; its announcement, of another boot perhaps, would have others take this one for a silo of another machine.</summary>
    private static void Clear(PlatformFolders folders)
    {
        File.Delete(folders.AnnouncementFile);
        DurableFile.Sweep(folders.State);
        DurableFile.Sweep(folders.TlsFolder);
    }
}
