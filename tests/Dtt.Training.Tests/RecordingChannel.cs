using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Training.Ranks;

namespace Dtt.Training.Tests;

/// <summary>A host that accepts commits and remembers what it was told, in order.</summary>
internal sealed class RecordingChannel : IRankChannel
{
    private readonly Lock _gate = new(); // training and the writing of a checkpoint speak at the same time
    private readonly List<RankMessage> _messages = [];

    public bool StopRequested { get; private set; }

    /// <summary>The host asks to stop once it was told this step; 0: never.</summary>
    public long StopAtStep { get; init; }

    /// <summary>The host cannot take the first commits: so many.</summary>
    public int CommitsNotTaken { get; init; }

    /// <summary>What happens whenever a commit is asked for, before it is answered.</summary>
    public Action<WrittenCheckpoint>? OnCommit { get; init; }

    public IReadOnlyList<RankMessage> Messages
    {
        get
        {
            lock (_gate) return [.. _messages];
        }
    }

    public IEnumerable<WrittenCheckpoint> Commits => Messages.OfType<CommitRequest>().Select(c => c.Checkpoint);

    /// <summary>Steps whose training loss was told, as they were told.</summary>
    public IEnumerable<long> Steps => StepsIn(Messages);

    public static IEnumerable<long> StepsIn(IEnumerable<RankMessage> messages) =>
        messages.OfType<MetricsReport>().SelectMany(m => m.Rows).Where(r => r.Values.ContainsKey(MetricNames.TrainLoss)).Select(r => r.Step);

    public void Send(RankMessage message)
    {
        lock (_gate) _messages.Add(message);
        if (StopAtStep > 0 && StepsIn([message]).Contains(StopAtStep)) StopRequested = true;
    }

    public CommitReply Commit(WrittenCheckpoint checkpoint)
    {
        Send(new CommitRequest(checkpoint));
        OnCommit?.Invoke(checkpoint);
        return Commits.Count() <= CommitsNotTaken ? new CommitReply(false, "the database is away", Transient: true) : new CommitReply(true);
    }

    public IReadOnlyList<string> Meet(string endpoint) => [endpoint];
}
