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
    /// <exception cref="IOException">It was not written, and will not be.</exception>
    /// <exception cref="TimeoutException">Nobody knows whether it was written.</exception>
    /// <exception cref="InconsistentStateException">Another activation has written since.</exception>
    public async Task WriteAsync(DurableRun next)
    {
        CrashPoint.Reach("silo.before-write");
        state.State = next with { WriteId = Guid.NewGuid() };
        var id = state.State.WriteId;
        try
        {
            await state.WriteStateAsync();
        }
        catch (Exception e) when (e is not InconsistentStateException)
        {
            LogWriteFailed(folder, e);
            await ReadBackAsync();
            if (state.State.WriteId != id)
            {
                var failure = StorageUnavailableException.In(e);
                if (failure is not { MayComeThrough: false }) await FenceAsync();
                throw new IOException(failure?.Message ?? $"the state of run '{Name}' could not be written ({e.Message})", e);
            }
        }

        CrashPoint.Reach("silo.after-write");
    }

    private Task ReadBackAsync() => KnowAsync(state.ReadStateAsync);

    /// <summary>Writes the state that was read once more: a write that is still on its way then finds another ETag, and changes nothing.</summary>
    private Task FenceAsync() => KnowAsync(state.WriteStateAsync);

    /// <summary>When that fails too, nobody knows: whoever waits gets no answer, nor does anybody from memory.</summary>
    private async Task KnowAsync(Func<Task> look)
    {
        try
        {
            await look();
        }
        catch (Exception e)
        {
            LogNotKnown(folder, e);
            giveUp();
            throw new TimeoutException($"it is not known whether the state of run '{Name}' was written; try again");
        }
    }

    [LoggerMessage(2002, LogLevel.Warning, "run {Run}: the state was not written, or its answer was lost; reading it again")]
    private partial void LogWriteFailed(string run, Exception exception);

    [LoggerMessage(2004, LogLevel.Error, "run {Run}: it could not be made sure whether the state was written; this activation ends")]
    private partial void LogNotKnown(string run, Exception exception);
}
