using System.Text.Json;
using Dtt.Core.Alerts;
using Dtt.Core.Runs;

namespace Dtt.Core.Tests.Alerts;

public sealed class RunAlertsTests
{
    private static readonly DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly CauseCard _killed = CauseCard.Of(DeathKind.Outside, "the rank was killed by signal 9");

    [Theory]
    [InlineData(EventKinds.Failed, AlertKind.Failed)]
    [InlineData(EventKinds.Completed, AlertKind.Completed)]
    public void Of_TheEndOfARun_RaisesItOnce(string kind, AlertKind expected)
    {
        var before = Run(RunState.Running, Attempt(1));
        var after = before.Noted(_now, kind, "all 10 steps are done");
        Assert.Equal([new Alert(expected, "/runs/r", _now, "all 10 steps are done")], RunAlerts.Of("/runs/r", before, after));
        Assert.Empty(RunAlerts.Of("/runs/r", after, after));
        Assert.Empty(RunAlerts.Of("/runs/r", after, after.Noted(_now, EventKinds.Committed, "step 10")));
    }

    [Fact]
    public void Of_ADeath_RaisesNothing_UnlessItWasAHang()
    {
        var before = Run(RunState.Running, Attempt(1));
        var killed = Run(RunState.Recovering, Attempt(1, RunState.Recovering, _killed)).Noted(_now, EventKinds.Died, _killed.How);
        Assert.Empty(RunAlerts.Of("/runs/r", before, killed));
        var hung = Run(RunState.Recovering, Attempt(1, RunState.Recovering, _killed with { Hung = true })).Noted(_now, EventKinds.Died, "rank 0 hung");
        Assert.Equal((AlertKind.Hung, "rank 0 hung"), RunAlerts.Of("/runs/r", before, hung).Select(a => (a.Kind, a.Message)).Single());
    }

    [Fact]
    public void Of_TheNextAttemptThatIsReady_SaysWhatItRecoveredFrom()
    {
        var before = Run(RunState.Preparing, Attempt(1, RunState.Recovering, _killed), Attempt(2));
        var alert = RunAlerts.Of("/runs/r", before, before.Noted(_now, EventKinds.Started, "attempt 2 on cpu, from step 40")).Single();
        Assert.Equal((AlertKind.Recovered, "attempt 2 on cpu, from step 40; before, the rank was killed by signal 9"), (alert.Kind, alert.Message));
    }

    [Theory]
    [InlineData(RunState.Stopped)]
    [InlineData(RunState.Interrupted)]
    public void Of_AnAttemptAfterAnOrderlyEnd_RaisesNothing(RunState end)
    {
        var before = Run(RunState.Preparing, Attempt(1, end), Attempt(2));
        Assert.Empty(RunAlerts.Of("/runs/r", before, before.Noted(_now, EventKinds.Started, "attempt 2")));
    }

    [Fact]
    public void WaitsSince_IsTheNewestOfCreationEndAndResume()
    {
        Assert.Equal(_now, RunAlerts.WaitsSince(Run(RunState.Queued)));
        Assert.Equal(_now.AddHours(1), RunAlerts.WaitsSince(Run(RunState.Recovering, Attempt(1, RunState.Recovering, _killed))));
        var resumed = Run(RunState.Queued, Attempt(1, RunState.Stopped)).Noted(_now.AddHours(5), EventKinds.Resumed, "waiting for attempt 2");
        Assert.Equal(_now.AddHours(5), RunAlerts.WaitsSince(resumed));
        Assert.Null(RunAlerts.WaitsSince(Run(RunState.Running, Attempt(1))));
        Assert.Null(RunAlerts.WaitsSince(new DurableRun()));
    }

    [Fact]
    public void Json_HasOneTextForSlackAndDiscord_ThatDiscordTakes()
    {
        var json = JsonDocument.Parse(new Alert(AlertKind.Failed, "/runs/r", _now, new string('x', 5000)).Json()).RootElement;
        Assert.StartsWith("DTT run r failed: xxx", json.GetProperty("text").GetString());
        Assert.Equal(json.GetProperty("text").GetString(), json.GetProperty("content").GetString());
        Assert.InRange(json.GetProperty("content").GetString()!.Length, 1000, 2000);
        Assert.Equal(("failed", "r", "/runs/r", 5000), (json.GetProperty("kind").GetString(), json.GetProperty("run").GetString(),
            json.GetProperty("folder").GetString(), json.GetProperty("message").GetString()!.Length));
    }

    private static DurableRun Run(RunState state, params RunAttempt[] attempts) => new()
    {
        Record = new RunRecord { Version = 1, Run = "r", State = state, CreatedAt = _now, Attempts = attempts },
    };

    private static RunAttempt Attempt(int number, RunState? end = null, CauseCard? cause = null) => new()
    {
        Attempt = number,
        StartedAt = _now,
        EndedAt = end is null ? null : _now.AddHours(1),
        EndState = end,
        Cause = cause,
    };
}
