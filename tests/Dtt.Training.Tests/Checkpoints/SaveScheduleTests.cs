using Dtt.Training.Checkpoints;
using Microsoft.Extensions.Time.Testing;

namespace Dtt.Training.Tests.Checkpoints;

public sealed class SaveScheduleTests
{
    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData(0.5, 3600, 60)]     // √(2 · 0.5 · 3600)
    [InlineData(2, 86_400, 587.9)]
    [InlineData(0, 100, 1)]         // never more often than once a second
    public void Interval_LosesLeast(double cost, double failure, double seconds)
    {
        var schedule = new SaveSchedule(failure, _time);
        schedule.Saved(cost, stepSeconds: null);
        Assert.Equal(seconds, schedule.IntervalSeconds, 0.1);
        Advance(seconds - 0.2);
        Assert.False(schedule.IsDue);
        Advance(0.4);
        Assert.True(schedule.IsDue);
        schedule.Saved(cost, stepSeconds: null);
        Assert.False(schedule.IsDue);
    }

    [Fact]
    public void Interval_IsShorterAfterDeaths_AndGrowsWithTheLifeOfAnAttempt()
    {
        var schedule = new SaveSchedule(failureSeconds: 8, _time);
        schedule.Saved(1, stepSeconds: null);
        Assert.Equal(4, schedule.IntervalSeconds, 0.01);
        Advance(200);
        Assert.Equal(20, schedule.IntervalSeconds, 0.01);
    }

    [Fact]
    public void Saved_SaysTheInterval_AtFirstAndWhenItHasChanged()
    {
        var schedule = new SaveSchedule(3600, _time);
        Assert.Equal("a checkpoint every 60.0 s (120 steps): a save costs 0.500 s, and a failure is expected every 60.0 minutes",
            schedule.Saved(0.5, stepSeconds: 0.5)!.Message);
        Assert.Null(schedule.Saved(0.6, stepSeconds: 0.5));
        Assert.StartsWith("a checkpoint every 2.0 minutes", schedule.Saved(2, stepSeconds: 0.5)!.Message);
    }

    private void Advance(double seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));
}
