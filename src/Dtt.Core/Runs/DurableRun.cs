using System.Text.Json.Serialization;

namespace Dtt.Core.Runs;

/// <summary>
/// The durable state of a run: all that <see cref="RunDecider"/> decides on. A Run grain keeps it in the database, a standalone rank in
/// <c>run.json</c>; its JSON is the same in both.
/// </summary>
public sealed record DurableRun
{
    /// <summary>Events that stay in the state until the table surely has them; those of one write all stay, however many.</summary>
    public const int MaxEvents = 16;

    /// <summary>What was decided and committed; null while there is no run.</summary>
    public RunRecord? Record { get; init; }

    /// <summary>What is to be trained.</summary>
    [JsonPropertyName("order")]
    public RunRequest? Request { get; init; }

    /// <summary>Where the current attempt lives, by rank; empty when it lives nowhere.</summary>
    [JsonIgnore]
    public IReadOnlyList<Placement> Placements
    {
        get => StoredPlacements ?? (StoredNode is { } node ? [new Placement(node, StoredDevices ?? [], 0)] : []);
        init => (StoredPlacements, StoredNode, StoredDevices) = (value, null, null);
    }

    /// <summary><see cref="Placements"/> as they are stored.</summary>
    [JsonPropertyName("placements")]
    public IReadOnlyList<Placement>? StoredPlacements { get; init; }

    /// <summary>The one node of the current attempt, as earlier builds stored it.</summary>
    [JsonPropertyName("node")]
    public NodeRef? StoredNode { get; init; }

    /// <summary>The devices on <see cref="StoredNode"/>, one a rank.</summary>
    [JsonPropertyName("devices")]
    public IReadOnlyList<string>? StoredDevices { get; init; }

    /// <summary>Whether the ranks were asked to leave so that the next attempt takes more nodes.</summary>
    public bool Growing { get; init; }

    /// <summary>
    /// While the current attempt follows an order that is not the run's any more: the first step that has other windows now. Its ranks are to leave, and a
    /// checkpoint from that step on is not taken. Null: it follows the run's order.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? LeavesOutFrom { get; init; }

    /// <summary>When the next attempt may begin, after several deaths in a row; null: at once.</summary>
    public DateTimeOffset? NotBefore { get; init; }

    /// <summary>Whether a stop was requested.</summary>
    public bool StopRequested { get; init; }

    /// <summary>Whether the run is being deleted.</summary>
    public bool Deleting { get; init; }

    /// <summary>Exit code of commands that wait for a failed run.</summary>
    public int FailureCode { get; init; }

    /// <summary>Folder names of checkpoints that are no longer committed and may still be on disk.</summary>
    [JsonPropertyName("doomed")]
    public IReadOnlyList<string> ToDelete { get; init; } = [];

    /// <summary>Names the write that stored this state: whoever lost its answer knows it again.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Guid? WriteId { get; init; }

    /// <summary>Number of the last report of the current attempt.</summary>
    public long LastReport { get; init; }

    /// <summary>Number of the last event.</summary>
    public long LastEvent { get; init; }

    /// <summary>The newest events, oldest first.</summary>
    public IReadOnlyList<NumberedEvent> Events { get; init; } = [];

    /// <summary>The same with one more event.</summary>
    public DurableRun Noted(DateTimeOffset now, string kind, string message)
    {
        var noted = new NumberedEvent(LastEvent + 1, new RunEvent(now, kind, message));
        return this with { LastEvent = noted.Number, Events = [.. Events, noted] };
    }

    /// <summary>The same without the oldest of too many events; only those up to a number, which an earlier write stored, may go.</summary>
    public DurableRun Trimmed(long written)
    {
        var excess = Math.Min(Events.Count - MaxEvents, Events.Count(e => e.Number <= written));
        return excess <= 0 ? this : this with { Events = [.. Events.Skip(excess)] };
    }

    /// <summary>
    /// The devices that the next attempt wants: the first takes all or waits, for the size of a step is frozen with it. Later ones take no more ranks than a
    /// step has micro-batches; where even the fewest are more, the ranks refuse.
    /// </summary>
    [JsonIgnore]
    public DeviceRequest Wanted
    {
        get
        {
            var (wanted, config) = (Request!.Devices, Request.Config);
            var last = Record!.Attempts.LastOrDefault();
            wanted = wanted with { LastOnGpus = last?.OnGpus ?? false };
            if (Record.GlobalBatchWindows == 0) return wanted with { MinNodes = int.MaxValue };
            var micro = (Record.GlobalBatchWindows + config.MicroBatchSize - 1) / config.MicroBatchSize;
            var most = (int)Math.Clamp(micro, wanted.MinRanks, int.MaxValue);
            return wanted with { Ranks = Math.Min(wanted.Ranks, most), MaxRanks = most, LastNodes = last?.Nodes ?? 1 };
        }
    }

    /// <summary>Whether the current attempt has fewer nodes than the run would take.</summary>
    [JsonIgnore]
    public bool WantsMoreNodes => Record?.State == RunState.Running && !StopRequested && !Growing && !Wanted.IsFull(Placements)
        && Placements.Count < Math.Min(Wanted.Nodes == 0 ? int.MaxValue : Wanted.Nodes, Wanted.MaxNodes);

    /// <summary>Whether the current attempt's ranks are to save and leave.</summary>
    [JsonIgnore]
    public bool RanksAreToLeave => StopRequested || Growing || LeavesOutFrom is not null;

    /// <summary>Whether an attempt lives or is about to.</summary>
    [JsonIgnore]
    public bool IsActive => Record?.State.IsActive() == true;
}
