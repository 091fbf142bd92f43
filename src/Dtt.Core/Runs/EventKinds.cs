namespace Dtt.Core.Runs;

/// <summary>The kinds of a run's events.</summary>
public static class EventKinds
{
    /// <summary>An attempt's ranks are ready.</summary>
    public const string Started = "started";

    /// <summary>A checkpoint was committed.</summary>
    public const string Committed = "committed";

    /// <summary>A checkpoint was not committed: the attempt is over, or the step is not the newest.</summary>
    public const string Refused = "refused";

    /// <summary>All steps are done.</summary>
    public const string Completed = "completed";

    /// <summary>Stopped on request.</summary>
    public const string Stopped = "stopped";

    /// <summary>The run goes on by request: it is queued again.</summary>
    public const string Resumed = "resumed";

    /// <summary>The run cannot continue.</summary>
    public const string Failed = "failed";

    /// <summary>A rank or its silo died.</summary>
    public const string Died = "died";

    /// <summary>The ranks saved and left because their silo is shutting down.</summary>
    public const string Drained = "drained";

    /// <summary>The ranks are to leave, so that the next attempt takes more nodes.</summary>
    public const string Growing = "growing";

    /// <summary>Windows are left out by request.</summary>
    public const string LeftOut = "left_out";

    /// <summary>The loss of a step is far above those before it: what is done about it.</summary>
    public const string Spike = "spike";

    /// <summary>The next attempt is on its way.</summary>
    public const string Recovering = "recovering";

    /// <summary>Why the run waits in the queue.</summary>
    public const string Waiting = "waiting";

    /// <summary>The platform adopted the run from its folder.</summary>
    public const string Adopted = "adopted";

    /// <summary>The weights came from a Hugging Face folder.</summary>
    public const string Imported = "imported";

    /// <summary>The weights came from a checkpoint of another run.</summary>
    public const string InitFrom = "init_from";

    /// <summary>The run continues under another numerics fingerprint: same windows, other bits.</summary>
    public const string Fingerprint = "fingerprint";

    /// <summary>A checkpoint is damaged; the one before it is tried.</summary>
    public const string Unreadable = "unreadable";

    /// <summary>A checkpoint could not be written; training continues.</summary>
    public const string SaveFailed = "save_failed";

    /// <summary>A GPU was granted, and this libtorch is built for CPUs.</summary>
    public const string IdleGpu = "idle_gpu";

    /// <summary>Kernels of DTT's own could not be made for the device.</summary>
    public const string NoKernels = "no_kernels";

    /// <summary>The validation shards hold no window.</summary>
    public const string NoValidation = "no_validation";

    /// <summary>How often checkpoints are saved where that is left to DTT, and why.</summary>
    public const string SavePlan = "save_plan";

    /// <summary>Tokens were copied to the node's own disk.</summary>
    public const string Staged = "staged";

    /// <summary>Tokens could not be copied to the node's own disk; they are read in place.</summary>
    public const string NotStaged = "not_staged";

    /// <summary>Event files for TensorBoard could not be written.</summary>
    public const string TensorBoard = "tensorboard";

    /// <summary>How the curves get to W&amp;B.</summary>
    public const string Wandb = "wandb";
}
