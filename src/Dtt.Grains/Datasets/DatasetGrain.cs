using Dtt.Abstractions;
using Dtt.Core.Errors;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Dtt.Grains.News;
using Dtt.Grains.Storage;
using Microsoft.Extensions.Logging;

namespace Dtt.Grains.Datasets;

/// <summary>The owner of one dataset job: hands out work, keeps count, persists its bitmap at most once a second and every change of stage at once.</summary>
[GrainType("dataset")]
internal sealed partial class DatasetGrain(
    [PersistentState(StateStorage.Dataset, StateStorage.Provider)] IPersistentState<DatasetState> state,
    IPlatformTables tables, INodeAgents agents, TimeProvider time, ILogger<DatasetGrain> log) : Grain, IDatasetGrain
{
    private const int RingSize = 256;
    private static readonly TimeSpan _persistPeriod = TimeSpan.FromSeconds(1);
    private readonly NewsRing<DatasetProgress> _news = new(RingSize);
    private readonly WorkLeases _leases = new();
    private readonly NodeShares _shares = new();
    private DatasetState? _current;
    private DateTimeOffset _persisted;

    /// <summary>The state as of now; what is in the database may be a second older, for the shards know better.</summary>
    private DatasetState Current => _current ?? state.State;

    private string Folder => this.Folder();

    public async Task BeginAsync(DatasetJob job)
    {
        var (next, refusal) = DatasetDecider.Begin(Current, job);
        if (refusal is not null) throw new UserErrorException(refusal);
        if (!ReferenceEquals(next, Current))
        {
            _leases.Clear();
            _shares.Clear();
        }

        await ChangeAsync(next, atOnce: true);
        await Task.WhenAll(agents.Alive().Select(TellAsync));
    }

    public Task PauseAsync() => ChangeAsync(DatasetDecider.Pause(Current), atOnce: true);

    public Task<DatasetProgress?> FindAsync() => Task.FromResult(Current.Job is null ? null : Progress());

    public async IAsyncEnumerable<DatasetProgress> WatchAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation = default)
    {
        if (Current.Job is null) yield break;
        await foreach (var news in _news.WatchAsync(0, Progress(), cancellation))
        {
            yield return news;
            if (news.Stage is DatasetStage.Done or DatasetStage.Failed) yield break;
        }
    }

    public Task<ShardRow[]> ShardsAsync()
    {
        var (now, s) = (time.GetUtcNow(), Current);
        return Task.FromResult(Enumerable.Range(0, s.Pieces).Select(Row).ToArray());

        ShardRow Row(int piece) => new(piece, Past(DatasetStage.Counting, piece), Past(DatasetStage.Encoding, piece), Past(DatasetStage.Verifying, piece),
            s.IsByPiece && _leases.IsLeased(new WorkItem(s.Stage, piece, s.Begun), now));

        bool Past(DatasetStage stage, int piece) => s.Stage == DatasetStage.Done
            || (s.Stage != DatasetStage.Failed && s.Stage > stage)
            || (s.Stage == stage && s.Done.Contains(piece));
    }

    public async Task<WorkOffer> ExchangeAsync(NodeRef node, WorkDone[] done, WorkItem[] working, Underway underway, int free)
    {
        var (now, stage) = (time.GetUtcNow(), Current.Stage);
        await EndLeasesOfTheDeadAsync();
        _leases.Renew(node.Silo, working.Where(w => DatasetDecider.IsCurrent(Current, w)), now);
        // A node that stood still fails where another took its work over and removed its drafts; what it finished all the same is as good as the other's.
        done = [.. done.Where(d => d.Error is null || !_leases.IsOfAnother(d.Item, node.Silo))];
        _leases.End(done.Select(d => d.Item));
        _shares.Add(node.Node, done.Where(d => DatasetDecider.IsCurrent(Current, d.Item)), now);
        var next = DatasetDecider.Apply(Current, done);
        if (next.Stage != stage)
        {
            _leases.Clear();
            if (next.IsByPiece) _shares.Clear();
            underway = Underway.None;
        }

        if (_shares.Set(node.Node, underway) && ReferenceEquals(next, Current) && Current.Job is not null) _news.Publish(Progress());

        await ChangeAsync(next, atOnce: next.Stage != stage);
        var open = Current is { IsOpen: true, Paused: false };
        if (open && Current.Stage != stage && Current.IsByPiece) _ = Task.WhenAll(agents.Alive().Except([node]).Select(TellAsync)); // who asks needs no telling
        var items = open ? _leases.Acquire(Current, node.Silo, free, now) : [];
        if (items.Count > 0) _shares.Begin(node.Node, now);
        return new WorkOffer(Current.Job, items, open);
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => ChangeAsync(Current, atOnce: true);

    /// <summary>A node that cannot be told finds the work when it next asks; nobody else waits for it.</summary>
    private async Task TellAsync(NodeRef node)
    {
        try
        {
            await agents.At(node).WorkAvailableAsync(Folder);
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            LogNotTold(Folder, node.Node, e);
        }
    }

    /// <summary>What a dead silo worked on is offered to the next that asks.</summary>
    private async Task EndLeasesOfTheDeadAsync()
    {
        foreach (var silo in _leases.Holders.Except(agents.Alive().Select(n => n.Silo)))
        {
            if (await agents.IsDeadAsync(new NodeRef("", silo))) _leases.EndOf(silo);
        }
    }

    private async Task ChangeAsync(DatasetState next, bool atOnce)
    {
        var changed = !ReferenceEquals(next, Current);
        _current = next;
        if (changed) _news.Publish(Progress());
        if (ReferenceEquals(next, state.State) || (!atOnce && time.GetUtcNow() - _persisted < _persistPeriod)) return;
        await WriteAsync(next);
        try
        {
            await tables.PutDatasetAsync(Progress());
        }
        catch (IOException e)
        {
            LogTablesFailed(Folder, e);
        }
    }

    /// <summary>A write that failed is done again with the next change, or the next request for work.</summary>
    private async Task WriteAsync(DatasetState next)
    {
        var stored = state.State;
        state.State = next;
        try
        {
            await state.WriteStateAsync();
            _persisted = time.GetUtcNow();
        }
        catch
        {
            state.State = stored;
            throw;
        }
    }

    private DatasetProgress Progress() => new()
    {
        Folder = Folder,
        Dataset = Current.Job!.Dataset,
        RawOnly = Current.Job.RawOnly,
        Stage = Current.Stage,
        Pieces = Current.Pieces,
        PiecesDone = Current.Stage == DatasetStage.Done ? Current.Pieces : Current.Done.Count,
        Bytes = Current.Bytes,
        BytesDone = Math.Min(Current.Bytes, Current.BytesDone + _shares.Underway.Bytes),
        Remark = _shares.Underway.Remark,
        Notes = Current.Notes,
        FailureCode = Current.FailureCode,
        Nodes = _shares.List(),
        Version = Current.Version,
    };

    [LoggerMessage(2202, LogLevel.Warning, "dataset {Folder}: node {Node} could not be told that there is work")]
    private partial void LogNotTold(string folder, string node, Exception exception);

    [LoggerMessage(2201, LogLevel.Warning, "dataset {Folder}: its row could not be written to the tables; it is written again with the next change")]
    private partial void LogTablesFailed(string folder, Exception exception);
}
