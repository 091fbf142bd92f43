namespace Dtt.Abstractions.Runs;

/// <summary>The one attempt that owns a run: everything that it does to the run's durable state goes through here.</summary>
public interface IRunAttempt : IDisposable
{
    /// <summary>The run's state as of the last change made here.</summary>
    RunRecord Record { get; }

    /// <summary>The attempt's number.</summary>
    int Attempt { get; }

    /// <summary>Notes what the rank found when it was ready.</summary>
    void Started(long fromStep, RunPlan plan, string fingerprint);

    /// <summary>Stores metrics; a key that is there already is left alone.</summary>
    void Append(IReadOnlyList<StepMetrics> rows);

    /// <summary>Stores an event.</summary>
    void Append(string kind, string message);

    /// <summary>Commits a checkpoint once all metrics up to its step are durable.</summary>
    CommitReply Commit(CommittedCheckpoint checkpoint);

    /// <summary>Lets go of all checkpoints but the newest <paramref name="keep"/>, the best and the pinned.</summary>
    void Retain(int keep);

    /// <summary>Ends the attempt.</summary>
    void End(RunState state, string outcome);
}
