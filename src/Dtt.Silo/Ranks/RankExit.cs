namespace Dtt.Silo.Ranks;

/// <summary>How a rank ended.</summary>
internal abstract record RankExit
{
    private const int SignalBase = 128;

    /// <summary>For people; what stands before it is who: <c>was killed by signal 9</c>.</summary>
    public abstract string Description { get; }

    /// <summary>Whether the rank itself is to blame: it neither exited with 0 nor lost a peer.</summary>
    public virtual bool IsFailure => true;

    /// <summary>How a process ended, by the exit code of which a shell says 128 and the signal.</summary>
    public static RankExit Of(int exitCode) => exitCode > SignalBase ? new Signaled(exitCode - SignalBase) : new Exited(exitCode);

    /// <summary>By itself.</summary>
    public sealed record Exited(int Code) : RankExit
    {
        public override string Description => $"ended with exit code {Code}";

        public override bool IsFailure => Code != 0;
    }

    /// <summary>By a signal.</summary>
    public sealed record Signaled(int Signal) : RankExit
    {
        public override string Description => $"was killed by signal {Signal}";
    }

    /// <summary>By itself, because another rank disappeared.</summary>
    public sealed record LostPeer(string Message) : RankExit
    {
        public override string Description => $"ended because {Message}";

        public override bool IsFailure => false;
    }

    /// <summary>It never began.</summary>
    public sealed record NotStarted(string Reason) : RankExit
    {
        public override string Description => $"could not be started: {Reason}";
    }
}
