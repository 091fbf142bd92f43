using Dtt.Core.Ranks;
using Dtt.Silo.Ranks;

namespace Dtt.Silo.Tests;

public sealed class PhaseDeadlinesTests
{
    [Fact]
    public void Deadlines_FollowThePhaseAndTheMedianStep()
    {
        var deadlines = new PhaseDeadlines(1);
        Assert.Equal(TimeSpan.FromMinutes(5), deadlines.Of(RankPhase.Train, []));
        Assert.Equal(TimeSpan.FromSeconds(15), deadlines.Of(RankPhase.Train, [0.1, 0.1, 0.1]));
        Assert.Equal(TimeSpan.FromSeconds(50), deadlines.Of(RankPhase.Train, [10, 10, 1000]));
        Assert.Equal(TimeSpan.FromSeconds(7.5), new PhaseDeadlines(0.5).Of(RankPhase.Train, [0.1]));
    }
}
