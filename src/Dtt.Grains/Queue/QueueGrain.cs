using Dtt.Abstractions;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Dtt.Grains.Devices;
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

    public async Task EnqueueAsync(string run, int attempt, int priority, DeviceRequest request, DateTimeOffset? notBefore)
    {
        await ChangeAsync(queue => QueueDecider.Enqueue(queue, run, attempt, priority, request, time.GetUtcNow(), notBefore));
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
                if (entry.NotBefore is { } start && time.GetUtcNow() < start)
                {
                    await SayAsync(entry, $"attempt {entry.Attempt} begins at {start:HH:mm:ss} UTC, after several deaths in a row");
                }
                else if (blocked.TryGetValue(entry.Device, out var before))
                {
                    await SayAsync(entry, $"behind run '{Path.GetFileName(before)}' in the queue");
                }
                else if (await PlaceAsync(entry) is ({ } reason, var blocks))
                {
                    if (blocks) blocked[entry.Device] = entry.Run;
                    await SayAsync(entry, reason);
                }
            }
            catch (Exception e) when (e is TimeoutException or OrleansException or IOException)
            {
                LogPlacingFailed(entry.Run, e);
            }
        }
    }

    /// <summary>
    /// Reserves on as many nodes as the run wants, all or none, and grants; no reason when the entry is dealt with, else why it waits, and whether those behind
    /// it wait too: not where every node with GPUs has fewer than the run needs, for none that becomes free would help it. All of an attempt are of one kind of
    /// device: where any node has GPUs, a run that wants them waits for those.
    /// </summary>
    private async Task<(string? Reason, bool Blocks)> PlaceAsync(QueueEntry entry)
    {
        var (alive, request, waited) = (agents.Alive(), entry.Request, time.GetUtcNow() - entry.Since);
        var most = request.NodesNow(alive.Count, waited).Wanted;
        var (offers, reasons, withGpus, tooSmall) = (new List<(NodeRef Node, IReadOnlyList<string> Devices)>(), new List<string>(), 0, 0);
        foreach (var node in alive)
        {
            if (offers.Count(o => !request.WantsGpu || !DeviceTable.IsCpu(o.Devices[0])) == most) break;
            var reply = await ReserveAsync(node, entry);
            if (reply.Gpus > 0) withGpus++;
            if (reply.Gpus > 0 && reply.Gpus < request.MinRanks) tooSmall++;
            if (reply.Devices.Count > 0) offers.Add((node, reply.Devices));
            else reasons.Add(alive.Count == 1 ? reply.Reason! : $"{node.Node}: {reply.Reason}");
        }

        if (request.WantsGpu && request.LastOnGpus && withGpus == 0 && waited < request.NodeWait)
        {
            await ReleaseAsync(entry, offers.Select(o => o.Node));
            return ($"it trained on GPUs, and no node has any now; after {request.NodeWait.TotalSeconds} s (node_wait) it goes on without", Blocks: false);
        }

        var gpus = request.WantsGpu && withGpus > 0;
        var (wanted, fewest) = request.NodesNow(gpus ? withGpus : alive.Count, waited);
        var taken = request.Place(offers.Where(o => !gpus || !DeviceTable.IsCpu(o.Devices[0])).Take(wanted));
        var enough = taken.Count >= fewest || request.IsFull(taken);
        var granted = enough && await GrainFactory.Run(entry.Run).GrantedAsync([.. taken], entry.Attempt);
        await ReleaseAsync(entry, offers.Select(o => o.Node).Except(granted ? taken.Select(t => t.Node) : []));
        if (!enough)
        {
            var reason = wanted == 1 ? string.Join("; ", reasons) : Missing(taken.Count, wanted, fewest, alive.Count, reasons);
            return (reason, Blocks: tooSmall == 0 || tooSmall < withGpus);
        }

        _reasons.Remove(entry.Run);
        await ChangeAsync(queue => QueueDecider.Dequeue(queue, entry.Run, entry.Attempt));
        return (null, Blocks: false);
    }

    private static string Missing(int free, int wanted, int fewest, int alive, List<string> reasons)
    {
        var needs = fewest == wanted ? $"it needs {wanted} nodes" : $"it needs at least {fewest} of {wanted} nodes";
        var others = reasons.Count == 0 ? "" : $" ({string.Join("; ", reasons)})";
        return $"{needs}: {alive} live, and {free} of them have devices for it{others}";
    }

    /// <summary>A node that does not answer has nothing to give.</summary>
    private async Task<ReserveReply> ReserveAsync(NodeRef node, QueueEntry entry)
    {
        try
        {
            return await agents.At(node).ReserveAsync(entry.Run, entry.Attempt, entry.Request);
        }
        catch (Exception e) when (e is TimeoutException or OrleansException)
        {
            return new ReserveReply([], "it does not answer");
        }
    }

    /// <summary>Gives reservations back; where that is not heard they end by themselves.</summary>
    private async Task ReleaseAsync(QueueEntry entry, IEnumerable<NodeRef> nodes)
    {
        foreach (var node in nodes)
        {
            await agents.At(node).ReleaseAsync(entry.Run, entry.Attempt)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        }
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
