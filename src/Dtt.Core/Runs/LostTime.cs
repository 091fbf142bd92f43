namespace Dtt.Core.Runs;

/// <summary>What time of a run went into that is not in steps that count.</summary>
public enum LostTime
{
    /// <summary>Waiting for devices or nodes, at first or after it was resumed.</summary>
    Waiting,

    /// <summary>From the beginning of an attempt until its ranks are ready.</summary>
    Starting,

    /// <summary>Steps that a later attempt ran again.</summary>
    Again,

    /// <summary>Stalls of training by saves.</summary>
    Saving,

    /// <summary>From a rank's death to the next attempt.</summary>
    RankDeath,

    /// <summary>From the end of a hung attempt to the next one.</summary>
    Hang,

    /// <summary>From a kill from outside to the next attempt.</summary>
    Kill,

    /// <summary>From the death of a silo or a node to the next attempt.</summary>
    SiloDeath,

    /// <summary>From an orderly end to the next attempt: a silo shut down, the run took more nodes, or went back to leave windows out.</summary>
    Move,

    /// <summary>The rest of the attempts: validation, samples, the step that runs now or was cut off, a hang until it was noticed.</summary>
    Other,
}
