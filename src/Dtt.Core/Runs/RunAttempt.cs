namespace Dtt.Core.Runs;

/// <summary>One life of a run: from the start of its ranks to their end.</summary>
public sealed record RunAttempt
{
    /// <summary>1, 2, 3 …: never reused.</summary>
    public required int Attempt { get; init; }

    /// <summary>When it was begun.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>The step whose state it started from (0: fresh weights); null until its rank has loaded.</summary>
    public long? FromStep { get; init; }

    /// <summary>The numerics fingerprint: attempts with the same one give the same bits.</summary>
    public string? Fingerprint { get; init; }

    /// <summary>Nodes that it lived on; 0 in records of earlier builds.</summary>
    public int Nodes { get; init; }

    /// <summary>Its ranks; 0 in records of earlier builds.</summary>
    public int Ranks { get; init; }

    /// <summary>Whether its ranks had GPUs; false in records of earlier builds.</summary>
    public bool OnGpus { get; init; }

    /// <summary>Why it died, or null.</summary>
    public CauseCard? Cause { get; init; }

    /// <summary>When it ended, or null.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>The state in which it left the run, or null while it lives; <see cref="RunState.Recovering"/> when its rank died and the run went on.</summary>
    public RunState? EndState { get; init; }

    /// <summary>How it ended, in words, or null.</summary>
    public string? Outcome { get; init; }
}
