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
            await ChangeAsync(next, atOnce: true);
        }

        foreach (var node in agents.Alive()) await agents.At(node).WorkAvailableAsync(Folder);
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
            s.IsByPiece && _leases.IsLeased(new WorkItem(s.Stage, piece), now));

        bool Past(DatasetStage stage, int piece) => s.Stage == DatasetStage.Done
            || (s.Stage != DatasetStage.Failed && s.Stage > stage)
            || (s.Stage == stage && s.Done.Contains(piece));
    }

    public async Task<WorkOffer> ExchangeAsync(NodeRef node, WorkDone[] done, WorkItem[] working, int free)
    {
        var (now, stage) = (time.GetUtcNow(), Current.Stage);
        _leases.Renew(node.Silo, working, now);
        _leases.End(done.Select(d => d.Item));
        var next = DatasetDecider.Apply(Current, done);
        if (next.Stage != stage) _leases.Clear();
        await ChangeAsync(next, atOnce: next.Stage != stage);
        var open = Current is { IsOpen: true, Paused: false };
        return new WorkOffer(Current.Job, open ? _leases.Acquire(Current, node.Silo, free, now) : [], open);
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => ChangeAsync(Current, atOnce: true);

    private async Task ChangeAsync(DatasetState next, bool atOnce)
    {
        var changed = !ReferenceEquals(next, Current);
        _current = next;
        if (changed) _news.Publish(Progress());
        if (ReferenceEquals(next, state.State) || (!atOnce && time.GetUtcNow() - _persisted < _persistPeriod)) return;
        _persisted = time.GetUtcNow();
        state.State = next;
        await state.WriteStateAsync();
        try
        {
            await tables.PutDatasetAsync(Progress());
        }
        catch (IOException e)
        {
            LogTablesFailed(Folder, e);
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
        Notes = Current.Notes,
        FailureCode = Current.FailureCode,
        Version = Current.Version,
    };

    [LoggerMessage(2201, LogLevel.Warning, "dataset {Folder}: its row could not be written to the tables; it is written again with the next change")]
    private partial void LogTablesFailed(string folder, Exception exception);
}
