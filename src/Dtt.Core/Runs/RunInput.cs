using Dtt.Core.Ranks;

namespace Dtt.Core.Runs;

/// <summary>Something that a run has to decide on.</summary>
public abstract record RunInput
{
    /// <summary>A client creates it.</summary>
    public sealed record Create(string Run, RunRequest Request) : RunInput;

    /// <summary>The platform adopts a run that lies in a folder: a standalone one, or one of another platform or place.</summary>
    public sealed record Adopt(Adoption Found) : RunInput;

    /// <summary>A client resumes it.</summary>
    /// <param name="Environment">The environment of its ranks from now on.</param>
    /// <param name="Ranks">Another number of ranks, or null.</param>
    /// <param name="Length">Another length: some of <see cref="RunRequest.LengthKeys"/>.</param>
    public sealed record Resume(
        IReadOnlyDictionary<string, string> Environment, int? Ranks = null, IReadOnlyDictionary<string, long>? Length = null) : RunInput;

    /// <summary>A client stops it.</summary>
    public sealed record Stop : RunInput;

    /// <summary>A client leaves out the windows of steps, as the log has them.</summary>
    /// <param name="FirstStep">The first step, from 1.</param>
    /// <param name="LastStep">The last.</param>
    /// <param name="LastSteps">The last step that the log has of each attempt.</param>
    public sealed record Skip(long FirstStep, long LastStep, IReadOnlyDictionary<int, long> LastSteps) : RunInput;

    /// <summary>A client pins a checkpoint, or unpins it.</summary>
    public sealed record Pin(long Step, bool Pinned) : RunInput;

    /// <summary>A client deletes it.</summary>
    public sealed record Delete : RunInput;

    /// <summary>The queue has devices for an attempt.</summary>
    public sealed record Granted(IReadOnlyList<Placement> Placements, int Attempt) : RunInput;

    /// <summary>An attempt's rank sent a report.</summary>
    public sealed record Reported(int Attempt, long Number, IReadOnlyList<RankMessage> Messages) : RunInput;

    /// <summary>An attempt's rank wrote a checkpoint.</summary>
    public sealed record Commit(WrittenCheckpoint Checkpoint) : RunInput;

    /// <summary>An attempt's ranks on a node are gone.</summary>
    public sealed record Ended(NodeRef Node, AttemptEnd End) : RunInput;

    /// <summary>A silo is dead, and what ranks it had with it.</summary>
    public sealed record SiloDied(NodeRef Node) : RunInput;

    /// <summary>There are devices for the next attempt on nodes that the current one does not have.</summary>
    public sealed record Grow(IReadOnlyList<string> Nodes) : RunInput;

    /// <summary>Folders of checkpoints that are no longer committed are gone.</summary>
    public sealed record CheckpointsDeleted(IReadOnlyList<string> Folders) : RunInput;
}
