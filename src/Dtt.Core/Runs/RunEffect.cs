namespace Dtt.Core.Runs;

/// <summary>What is to be done once a run's state is written. Each may be repeated.</summary>
public abstract record RunEffect
{
    /// <summary>Queue for an attempt, which is not to begin before a time.</summary>
    public sealed record Enqueue(int Attempt, DateTimeOffset? NotBefore = null) : RunEffect;

    /// <summary>Leave the queue.</summary>
    public sealed record Dequeue : RunEffect;

    /// <summary>A device became free.</summary>
    public sealed record WakeQueue : RunEffect;

    /// <summary>Start the ranks of a part of the current attempt.</summary>
    public sealed record Launch(Placement Placement) : RunEffect;

    /// <summary>See whether there are more nodes for the next attempt.</summary>
    public sealed record LookForNodes : RunEffect;

    /// <summary>Ask the current attempt's ranks on a node to stop.</summary>
    public sealed record StopRank(NodeRef Node, int Attempt) : RunEffect;

    /// <summary>Delete the folders of checkpoints that are no longer committed.</summary>
    public sealed record DeleteCheckpoints(IReadOnlyList<string> Folders) : RunEffect;

    /// <summary>Delete the run's folder, rows and state.</summary>
    public sealed record Erase : RunEffect;

    /// <summary>Tell the experiment that the run belongs to it.</summary>
    public sealed record JoinExperiment : RunEffect;

    /// <summary>Be woken by a reminder, or not any more.</summary>
    public sealed record SetReminder(bool Wanted) : RunEffect;
}
