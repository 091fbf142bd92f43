using Dtt.Core.Runs;

namespace Dtt.Silo.Ranks;

/// <summary>How a rank ended.</summary>
internal abstract record RankExit
{
    private const int SignalBase = 128, Kill = 9;

    /// <summary>For people; what stands before it is who: <c>was killed by signal 9</c>.</summary>
    public abstract string Description { get; }

    /// <summary>Whose doing it was.</summary>
    public virtual DeathKind Kind => DeathKind.Rank;

    /// <summary>Whether the rank itself is to blame: it neither exited with 0 nor lost a peer.</summary>
    public virtual bool IsFailure => true;

    /// <summary>How a process ended, by the exit code of which a shell says 128 and the signal.</summary>
    /// <param name="exitCode">The code.</param>
    /// <param name="ranOut">Whether the kernel killed a process of this machine for want of memory since the rank began.</param>
    public static RankExit Of(int exitCode, bool ranOut) =>
        exitCode > SignalBase ? new Signaled(exitCode - SignalBase, ranOut && exitCode - SignalBase == Kill) : new Exited(exitCode);

    /// <summary>By itself.</summary>
    public sealed record Exited(int Code) : RankExit
    {
        public override string Description => $"ended with exit code {Code}";

        public override bool IsFailure => Code != 0;
    }

    /// <summary>By a signal.</summary>
    public sealed record Signaled(int Signal, bool ForMemory) : RankExit
    {
        /// <summary>Whether it was the signal by which ranks are ended.</summary>
        public bool IsKill => Signal == Kill;

        // A rank raises these itself when it goes wrong; all others are sent to it.
        private static readonly HashSet<int> _own = [4, 5, 6, 7, 8, 11, 31]; // ILL TRAP ABRT BUS FPE SEGV SYS

        public override string Description => $"was killed by signal {Signal}{(ForMemory ? ", for the machine ran out of memory," : "")}";

        public override DeathKind Kind => ForMemory || _own.Contains(Signal) ? DeathKind.Rank : DeathKind.Outside;
    }

    /// <summary>By itself, because another rank disappeared.</summary>
    public sealed record LostPeer(string Message) : RankExit
    {
        public override string Description => $"ended because {Message}";

        public override DeathKind Kind => DeathKind.Peer;

        public override bool IsFailure => false;
    }

    /// <summary>It never began.</summary>
    public sealed record NotStarted(string Reason) : RankExit
    {
        public override string Description => $"could not be started: {Reason}";
    }
}
