using Dtt.Abstractions;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Dtt.Grains.Storage;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;

namespace Dtt.Grains.Queue;

/// <summary>
/// The one queue: goes through its runs in order, reserves devices with an agent, and grants them to the run. Reentrant, for a run that it calls may be
/// calling it; only one pass goes at a time.
/// </summary>
[GrainType("queue"), Reentrant]
internal sealed partial class QueueGrain(
    [PersistentState(StateStorage.Queue, StateStorage.Provider)] IPersistentState<QueueState> state,
    INodeAgents agents, TimeProvider time, ILogger<QueueGrain> log) : Grain, IQueueGrain
{
    private static readonly TimeSpan _tick = TimeSpan.FromSeconds(2);
    private readonly SemaphoreSlim _writing = new(1);
    private readonly Dictionary<string, string> _reasons = [];
    private IGrainTimer? _timer;
    private bool _inPass, _again;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (state.State.Entries.Count > 0) Wake();
        return Task.CompletedTask;
    }

    public async Task EnqueueAsync(string run, int attempt, int priority, DeviceRequest request)
    {
        await ChangeAsync(queue => QueueDecider.Enqueue(queue, run, attempt, priority, request, time.GetUtcNow()));
        Wake();
    }

    public Task DequeueAsync(string run) => ChangeAsync(queue => QueueDecider.Dequeue(queue, run));

    public Task WakeAsync()
    {
        if (state.State.Entries.Count > 0) Wake();
        return Task.CompletedTask;
    }

    public Task<QueueRow[]> ListAsync() => Task.FromResult(QueueDecider.Order(state.State)
        .Select(e => new QueueRow(e.Run, e.Priority, e.Since, e.Device, _reasons.GetValueOrDefault(e.Run, "about to start"))).ToArray());

    /// <summary>A pass soon, in a turn of its own: whoever called is answered first. Passes go on every two seconds while somebody waits.</summary>
    private void Wake()
    {
        _timer?.Dispose();
        _timer = this.RegisterGrainTimer(static (self, _) => self.PassAsync(), this, new GrainTimerCreationOptions(TimeSpan.Zero, _tick) { Interleave = true });
    }

    private async Task PassAsync()
    {
        if (_inPass)
        {
            _again = true;
            return;
        }

        _inPass = true;
        try
        {
            do
            {
                _again = false;
                await PassOnceAsync();
            }
            while (_again);
            if (state.State.Entries.Count == 0)
            {
                _timer?.Dispose();
                _timer = null;
            }
        }
        finally
        {
            _inPass = false;
        }
    }

    private async Task PassOnceAsync()
    {
        var blocked = new Dictionary<string, string>();
        foreach (var entry in QueueDecider.Order(state.State))
        {
            try
            {
                if (blocked.TryGetValue(entry.Device, out var before))
                {
                    await SayAsync(entry, $"behind run '{Path.GetFileName(before)}' in the queue");
                }
                else if (await PlaceAsync(entry) is { } reason)
                {
                    blocked[entry.Device] = entry.Run;
                    await SayAsync(entry, reason);
                }
            }
            catch (Exception e) when (e is TimeoutException or OrleansException or IOException)
            {
                LogPlacingFailed(entry.Run, e);
            }
        }
    }

    /// <summary>Reserves and grants; null when the entry is dealt with, else why it waits.</summary>
    private async Task<string?> PlaceAsync(QueueEntry entry)
    {
        var reasons = new List<string>();
        foreach (var node in agents.Alive())
        {
            var reply = await agents.At(node).ReserveAsync(entry.Run, entry.Attempt, entry.Request);
            if (reply.Devices.Count == 0)
            {
                reasons.Add(reply.Reason!);
                continue;
            }

            var accepted = await GrainFactory.Run(entry.Run).GrantedAsync(node, [.. reply.Devices], entry.Attempt);
            if (!accepted) await agents.At(node).ReleaseAsync(entry.Run, entry.Attempt);
            _reasons.Remove(entry.Run);
            await ChangeAsync(queue => QueueDecider.Dequeue(queue, entry.Run, entry.Attempt));
            return null;
        }

        return string.Join("; ", reasons);
    }

    private async Task SayAsync(QueueEntry entry, string reason)
    {
        if (_reasons.GetValueOrDefault(entry.Run) == reason) return;
        _reasons[entry.Run] = reason;
        await GrainFactory.Run(entry.Run).WaitingAsync(reason);
    }

    /// <summary>Decides and writes, one after another: turns interleave here, and two writes at once would be taken for a conflict.</summary>
    private async Task ChangeAsync(Func<QueueState, QueueState> decide)
    {
        await _writing.WaitAsync();
        try
        {
            var next = decide(state.State);
            if (ReferenceEquals(next, state.State)) return;
            state.State = next;
            await state.WriteStateAsync();
        }
        finally
        {
            _writing.Release();
        }
    }

    [LoggerMessage(2101, LogLevel.Warning, "the queue could not place run {Run}; it stays queued")]
    private partial void LogPlacingFailed(string run, Exception exception);
}
