namespace Dtt.Core.Runs;

/// <summary>What a run is doing.</summary>
public enum RunState
{
    /// <summary>Created, waiting for devices.</summary>
    Queued,

    /// <summary>An attempt has begun and its rank is getting ready.</summary>
    Preparing,

    /// <summary>A rank is training.</summary>
    Running,

    /// <summary>The last attempt died; the next one is on its way.</summary>
    Recovering,

    /// <summary>All steps are done and committed.</summary>
    Completed,

    /// <summary>An attempt ended with an error that a retry would not fix.</summary>
    Failed,

    /// <summary>Stopped on request; <c>dtt resume</c> continues it.</summary>
    Stopped,

    /// <summary>Its rank or its owner was killed; <c>dtt resume</c> continues it.</summary>
    Interrupted,
}
