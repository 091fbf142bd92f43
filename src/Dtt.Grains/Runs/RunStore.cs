using Dtt.Abstractions;
using Dtt.Core.Diagnostics;
using Dtt.Core.Runs;
using Microsoft.Extensions.Logging;
using Orleans.Storage;

namespace Dtt.Grains.Runs;

/// <summary>The one write of a run's state: a compare-and-swap whose outcome is known before anything is answered.</summary>
/// <param name="state">The stored state.</param>
/// <param name="folder">The run's folder, for people.</param>
/// <param name="giveUp">Ends the activation: what it remembers may not be what is stored.</param>
/// <param name="log">Where failures are told.</param>
internal sealed partial class RunStore(IPersistentState<DurableRun> state, string folder, Action giveUp, ILogger log)
{
    private string Name => Path.GetFileName(folder);

    /// <summary>Writes the next state. A write that failed may have come through: that is looked at.</summary>
    /// <exception cref="IOException">It was not written.</exception>
    /// <exception cref="TimeoutException">Nobody knows whether it was written.</exception>
    /// <exception cref="InconsistentStateException">Another activation has written since.</exception>
    public async Task WriteAsync(DurableRun next)
    {
        CrashPoint.Reach("silo.before-write");
        state.State = next;
        try
        {
            await state.WriteStateAsync();
        }
        catch (Exception e) when (e is not InconsistentStateException)
        {
            LogWriteFailed(folder, e);
            await ReadBackAsync();
            if (state.State.Record?.Version != next.Record!.Version)
                throw new IOException(StorageUnavailableException.In(e)?.Message ?? $"the state of run '{Name}' could not be written ({e.Message})", e);
        }

        CrashPoint.Reach("silo.after-write");
    }

    /// <summary>When the state cannot be read back either, nobody knows: whoever waits gets no answer, nor does anybody from memory.</summary>
    private async Task ReadBackAsync()
    {
        try
        {
            await state.ReadStateAsync();
        }
        catch (Exception e)
        {
            LogReadFailed(folder, e);
            giveUp();
            throw new TimeoutException($"it is not known whether the state of run '{Name}' was written; try again");
        }
    }

    [LoggerMessage(2002, LogLevel.Warning, "run {Run}: the state was not written, or its answer was lost; reading it again")]
    private partial void LogWriteFailed(string run, Exception exception);

    [LoggerMessage(2004, LogLevel.Error, "run {Run}: the state could not be read back either; this activation ends")]
    private partial void LogReadFailed(string run, Exception exception);
}
