using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Training.Native;

/// <summary>The <c>flock</c> that means a device: two ranks never share one, whatever their silos believe.</summary>
internal static class DeviceLock
{
    private static readonly TimeSpan _timeout = TimeSpan.FromSeconds(20);

    /// <summary>Acquires the lock, waiting a little for a rank that is just leaving; null for no file.</summary>
    /// <exception cref="UserErrorException">Another rank has it.</exception>
    public static FileLock? Acquire(string? file)
    {
        if (file is null) return null;
        FileLock? acquired = null;
        return SpinWait.SpinUntil(() => (acquired = FileLock.TryAcquire(file)) is not null, _timeout) ? acquired
            : throw new UserErrorException($"another rank holds the device ({file}): end it, or wait for it.", ExitCodes.Requeue);
    }
}
