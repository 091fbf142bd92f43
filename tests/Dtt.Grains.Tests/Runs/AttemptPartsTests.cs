using Dtt.Abstractions;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Grains.Runs;

namespace Dtt.Grains.Tests.Runs;

public sealed class AttemptPartsTests
{
    private static readonly DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly NodeRef _a = new("a", "1"), _b = new("b", "1");
    private readonly AttemptParts _parts = new();
    private readonly DurableRun _run = new() { Placements = [new Placement(_a, ["cpu", "cpu:1"], 0), new Placement(_b, ["cpu"], 2)] };

    [Fact]
    public void Meet_TellsAll_OnceEveryPartHasSaidWhereItsRanksListen()
    {
        Assert.Empty(_parts.Meet(_run, 1, 0, ["a:1", "a:2"]));
        Assert.Equal(["a:1", "a:2", "b:1"], _parts.Meet(_run, 1, 2, ["b:1"]));
        Assert.Equal(["a:1", "a:2", "b:1"], _parts.Meet(_run, 1, 0, ["a:1", "a:2"]));
        Assert.Empty(_parts.Meet(_run, 2, 0, ["a:3", "a:4"])); // the next attempt's ranks listen elsewhere
    }

    [Fact]
    public void Renew_WhenAllPartsWait_NamesTheRankThatIsFurthestBehind()
    {
        _parts.Renew(_run, 1, _a, Stalled(0, completed: 8), _now);
        Assert.Null(_parts.Hung);
        _parts.Renew(_run, 1, _b, Stalled(2, completed: 7), _now);
        Assert.Equal(("b", 2), (_parts.Hung!.Node, _parts.Hung.Rank));
        Assert.Equal("every rank waits for the others in collective 9; rank 2 hung", _parts.Hung.How);
    }

    [Fact]
    public void Renew_WhenAPartWaitedLongAgo_FindsNothing()
    {
        _parts.Renew(_run, 1, _a, Stalled(0, completed: 8), _now); // it went on, and had no reason to say so
        _parts.Renew(_run, 1, _b, Stalled(2, completed: 99), _now.AddHours(1));
        Assert.Null(_parts.Hung);
        _parts.Renew(_run, 1, _a, null, _now.AddHours(1));
        _parts.Renew(_run, 1, _b, Stalled(2, completed: 99), _now.AddHours(1));
        Assert.Null(_parts.Hung);
    }

    private static StalledPart Stalled(int rank, long completed) => new(rank, completed, new CauseCard
    {
        Kind = DeathKind.Rank,
        How = $"rank {rank} hung",
        Rank = rank,
        Phase = RankPhase.Train,
        Step = 5,
        Collective = 9,
    });
}
