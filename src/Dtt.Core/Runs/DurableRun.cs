using System.Text.Json.Serialization;

namespace Dtt.Core.Runs;

/// <summary>
/// The durable state of a run: all that <see cref="RunDecider"/> decides on. A Run grain keeps it in the database, a standalone rank in
/// <c>run.json</c>; its JSON is the same in both.
/// </summary>
public sealed record DurableRun
{
    /// <summary>Events that stay in the state until the table surely has them.</summary>
    public const int MaxEvents = 16;

    /// <summary>What was decided and committed; null while there is no run.</summary>
    public RunRecord? Record { get; init; }

    /// <summary>What is to be trained.</summary>
    [JsonPropertyName("order")]
    public RunRequest? Request { get; init; }

    /// <summary>Where the current attempt lives; null when it lives nowhere.</summary>
    public NodeRef? Node { get; init; }

    /// <summary>The devices of the current attempt, one a rank.</summary>
    public IReadOnlyList<string> Devices { get; init; } = [];

    /// <summary>Whether a stop was requested.</summary>
    public bool StopRequested { get; init; }

    /// <summary>Whether the run is being deleted.</summary>
    public bool Deleting { get; init; }

    /// <summary>Exit code of commands that wait for a failed run.</summary>
    public int FailureCode { get; init; }

    /// <summary>Folder names of checkpoints that are no longer committed and may still be on disk.</summary>
    [JsonPropertyName("doomed")]
    public IReadOnlyList<string> ToDelete { get; init; } = [];

    /// <summary>Number of the last report of the current attempt.</summary>
    public long LastReport { get; init; }

    /// <summary>Number of the last event.</summary>
    public long LastEvent { get; init; }

    /// <summary>The newest events, oldest first.</summary>
    public IReadOnlyList<NumberedEvent> Events { get; init; } = [];

    /// <summary>Whether an attempt lives or is about to.</summary>
    [JsonIgnore]
    public bool IsActive => Record?.State.IsActive() == true;
}
