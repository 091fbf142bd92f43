using Dtt.Abstractions;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Dtt.Grains.Tests.Platform;
using Dtt.Tests;
using Orleans.Storage;

namespace Dtt.Grains.Tests.Runs;

/// <summary>One run over a real grain, a queue and a storage that can fail; the agent is a fake, so the test speaks for the ranks.</summary>
public sealed class RunGrainTests : IAsyncLifetime
{
    private const string Folder = "/runs/r";
    private readonly FakeAgents _agents = new(["cpu"]);
    private TestPlatform _platform = null!;

    private IRunGrain Run => _platform.Grains.Run(Folder);

    public async ValueTask InitializeAsync() => _platform = await TestPlatform.StartAsync(_agents);

    public ValueTask DisposeAsync() => _platform.DisposeAsync();

    [Fact]
    public async Task Life_FromCreationToTheEnd_IsInTheStateAndInTheTables()
    {
        await CreateAsync();
        Assert.False((await Run.CreateAsync(Request())).Created);
        Assert.Equal(new Standing(true, false), await Run.ReportAsync(1, 1, [Started(), Metrics(1)]));
        Assert.True((await Run.CommitAsync(Checkpoint(1, 1))).Accepted);
        await Run.EndedAsync(_agents.Here, new AttemptEnd(1, new RankFinished(1, Completed: true), null));
        await _platform.DeactivateAsync(Run);
        var view = (await Run.FindAsync())!;
        Assert.Equal((RunState.Completed, 1L), (view.Record.State, view.Record.Latest!.Step));
        Assert.Equal(["started", "committed", "completed"], (await Run.EventsAsync()).Select(e => e.Kind));
        Assert.Equal([1], await StepsAsync(1));
        Assert.False((await Run.RenewAsync(1, _agents.Here, null)).Current);
    }

    [Fact]
    public async Task Create_AskedAgainForTheAnswerWasLost_IsTheSameRun()
    {
        var request = Request() with { Id = "one" };
        Assert.True((await Run.CreateAsync(request)).Created);
        Assert.True((await Run.CreateAsync(request)).Created);
        Assert.False((await Run.CreateAsync(request with { Id = "other" })).Created);
        Assert.False((await Run.CreateAsync(request with { Id = null })).Created);
    }

    [Fact]
    public async Task Commit_OfAnAttemptThatIsOver_IsRefused()
    {
        await StartAsync();
        _agents.Hold("cpu", Folder, held: false); // its ranks are gone
        await Run.EndedAsync(_agents.Here, new AttemptEnd(1, null, CauseCard.Of(DeathKind.Outside, "the rank was killed by signal 9")));
        await LaunchedAsync(2);
        var reply = await Run.CommitAsync(Checkpoint(5, 1));
        Assert.Equal((false, false), (reply.Accepted, reply.Transient));
        Assert.Contains("attempt 1 is over", reply.Reason);
        Assert.Empty((await Run.FindAsync())!.Record.Checkpoints);
        Assert.False((await Run.ReportAsync(1, 9, [Metrics(6)])).Current);
    }

    [Fact]
    public async Task SiloThatIsCutOff_RenewsNoLease()
    {
        await StartAsync();
        Assert.True((await Run.RenewAsync(1, _agents.Here, null)).Current);
        _agents.Unconfirmed = new IOException("the database is away");
        await Assert.ThrowsAsync<IOException>(() => Run.RenewAsync(1, _agents.Here, null));
        await Assert.ThrowsAsync<IOException>(() => Run.ReportAsync(1, 9, []));
        _agents.Unconfirmed = null;
        Assert.True((await Run.RenewAsync(1, _agents.Here, null)).Current);
    }

    [Fact]
    public async Task Commit_ThatIsNotWritten_IsAnsweredWithTheError_AndMayBeAskedAgain()
    {
        await StartAsync();
        _platform.Storage.FailBeforeWrite = new IOException("the disk is full");
        Assert.Contains("the disk is full", (await Assert.ThrowsAsync<IOException>(() => Run.CommitAsync(Checkpoint(5, 1)))).Message);
        _platform.Storage.FailBeforeWrite = new StorageUnavailableException("The database is away. Look at it.");
        Assert.Equal("The database is away. Look at it.", (await Assert.ThrowsAsync<IOException>(() => Run.CommitAsync(Checkpoint(5, 1)))).Message);
        Assert.Empty((await Run.FindAsync())!.Record.Checkpoints);
        Assert.True((await Run.CommitAsync(Checkpoint(5, 1))).Accepted);
    }

    [Fact]
    public async Task Commit_WhoseOldCheckpointMayNotBeDeleted_IsAccepted_AndTheDeletionIsRepeated()
    {
        await StartAsync();
        _agents.Fail = (nameof(INodeAgent.DeleteCheckpointsAsync), new UnauthorizedAccessException());
        for (var step = 1; step <= 3; step++) Assert.True((await Run.CommitAsync(Checkpoint(step, 1))).Accepted);
        await Wait.ForAsync("another try", () => _agents.Count(nameof(INodeAgent.DeleteCheckpointsAsync)) > 1);
    }

    [Fact]
    public async Task Commit_WhoseWriteLostItsAnswer_IsReadBackAndAccepted()
    {
        await StartAsync();
        _platform.Storage.FailAfterWrite = new TimeoutException();
        Assert.True((await Run.CommitAsync(Checkpoint(5, 1))).Accepted);
        Assert.True((await Run.CommitAsync(Checkpoint(6, 1))).Accepted); // its ETag is the new one
    }

    [Fact]
    public async Task Commit_ThatCanNeitherBeWrittenNorReadBack_IsNotBelievedByWhoeverAsksNext()
    {
        await StartAsync();
        (_platform.Storage.FailBeforeWrite, _platform.Storage.FailRead) = (new IOException(), new IOException());
        await Assert.ThrowsAsync<TimeoutException>(() => Run.CommitAsync(Checkpoint(5, 1))); // not an answer: the agent asks again
        Assert.Empty((await Run.FindAsync())!.Record.Checkpoints);
        Assert.True((await Run.CommitAsync(Checkpoint(5, 1))).Accepted);
    }

    [Fact]
    public async Task Commit_ThatIsAnsweredWithAnError_CannotComeThroughLater()
    {
        await StartAsync();
        _platform.Storage.FailUntilLater = new TimeoutException("the server is slow");
        await Assert.ThrowsAsync<IOException>(() => Run.CommitAsync(Checkpoint(5, 1))); // the rank deletes it now
        await Assert.ThrowsAsync<InconsistentStateException>(_platform.Storage.ComeThrough);
        await _platform.DeactivateAsync(Run);
        Assert.Empty((await Run.FindAsync())!.Record.Checkpoints);
        Assert.True((await Run.CommitAsync(Checkpoint(6, 1))).Accepted);
    }

    [Fact]
    public async Task Commit_ThatMayComeThroughLater_IsNotAnswered_AndTheNextOneFindsIt()
    {
        await StartAsync();
        (_platform.Storage.FailUntilLater, _platform.Storage.FailBeforeWrite) = (new TimeoutException(), new TimeoutException());
        await Assert.ThrowsAsync<TimeoutException>(() => Run.CommitAsync(Checkpoint(5, 1)));
        await _platform.Storage.ComeThrough();
        Assert.True((await Run.CommitAsync(Checkpoint(5, 1))).Accepted);
        Assert.Equal(5, Assert.Single((await Run.FindAsync())!.Record.Checkpoints).Step);
    }

    [Fact]
    public async Task Commit_ThatTheDatabaseRefused_IsAnsweredWithTheError_ThoughItRefusesTheNextWriteToo()
    {
        await StartAsync();
        var full = new StorageUnavailableException("The disk is full.");
        (_platform.Storage.FailUntilLater, _platform.Storage.FailBeforeWrite) = (full, full);
        var refused = Run.CommitAsync(Checkpoint(5, 1));
        Assert.Equal("The disk is full.", (await Assert.ThrowsAsync<IOException>(() => refused)).Message);
    }

    [Fact]
    public async Task Report_Repeated_IsAnsweredAgain_AndReachesViewersOnce()
    {
        await StartAsync();
        using var enough = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        await using var news = Run.WatchAsync(0, enough.Token).GetAsyncEnumerator(enough.Token);
        Assert.True(await news.MoveNextAsync()); // how things stand: it watches
        foreach (var (number, step) in new[] { (2, 1), (2, 1), (3, 2), (2, 1), (4, 3) })
            Assert.True((await Run.ReportAsync(1, number, [Metrics(step), new RankEvent("note", $"{step}")])).Current);
        var heard = new List<RunNews>();
        while (heard.LastOrDefault()?.Message is not MetricsReport { Rows: [{ Step: 3 }] } && await news.MoveNextAsync()) heard.Add(news.Current);
        Assert.Equal([1, 2, 3], heard.Select(n => n.Message).OfType<MetricsReport>().Select(m => m.Rows[0].Step));
        Assert.Equal(["1", "2", "3"], heard.Where(n => n.Event is not null).Select(n => n.Event!.Message));
        Assert.Equal([1, 2, 3], await StepsAsync(1));
    }

    [Fact]
    public async Task Report_WhoseRowsCannotBeStored_IsNotAnswered_AndComesThroughLater()
    {
        await StartAsync();
        _platform.Tables.IsFull = true;
        await Assert.ThrowsAsync<IOException>(() => Run.ReportAsync(1, 2, [Metrics(1), new RankEvent("note", "once")]));
        Assert.True((await Run.RenewAsync(1, _agents.Here, null)).Current);
        _platform.Tables.IsFull = false;
        Assert.True((await Run.ReportAsync(1, 2, [Metrics(1), new RankEvent("note", "once")])).Current);
        Assert.Equal([1], await StepsAsync(1));
        Assert.Single(await Run.EventsAsync(), e => e.Kind == "note");
    }

    [Fact]
    public async Task Launch_ThatFails_IsRepeatedByTheReminder()
    {
        _agents.Fail = ("LaunchAsync", new TimeoutException());
        await CreateAsync();
        var launches = _agents.Count($"LaunchAsync {Folder} 1");
        await Run.AsReference<IRemindable>().ReceiveReminder("awake", default);
        Assert.True(_agents.Count($"LaunchAsync {Folder} 1") > launches);
    }

    [Fact]
    public async Task Launch_ThatFails_IsRepeatedByTheTimer_UntilTheRankHasStarted()
    {
        _agents.Fail = ("LaunchAsync", new TimeoutException());
        await CreateAsync();
        await Wait.ForAsync("another launch", () => _agents.Count($"LaunchAsync {Folder} 1") > 1);
        await Run.ReportAsync(1, 1, [Started()]);
        var launches = _agents.Count($"LaunchAsync {Folder} 1");
        await Run.AsReference<IRemindable>().ReceiveReminder("awake", default);
        Assert.Equal(launches, _agents.Count($"LaunchAsync {Folder} 1"));
    }

    [Fact]
    public async Task AgentOfAnotherLife_EndsTheAttempt_AndTheNextOneBegins()
    {
        await StartAsync();
        _agents.Hold("cpu", Folder, held: false); // its ranks are gone
        _agents.Dead.Add(_agents.Here.Silo);
        await Run.AgentStartedAsync(_agents.Here with { Silo = "a later life" });
        Assert.False((await Run.RenewAsync(1, _agents.Here, null)).Current);
        Assert.Contains("the silo died", (await Run.EventsAsync()).Single(e => e.Kind == "died").Message);
        await LaunchedAsync(2);
    }

    [Fact]
    public async Task AgentOfTheSameName_WhileTheOtherLives_EndsNothing()
    {
        await StartAsync();
        await Run.AgentStartedAsync(_agents.Here with { Silo = "its twin" });
        Assert.True((await Run.RenewAsync(1, _agents.Here, null)).Current);
    }

    [Fact]
    public async Task Lease_OutlivesAnIdleActivation()
    {
        await StartAsync();
        Assert.True((await Run.CommitAsync(Checkpoint(5, 1))).Accepted);
        await Run.EndedAsync(_agents.Here, new AttemptEnd(1, new RankFinished(5, Completed: true), null));
        _ = await Run.LeaseAsync(5, Guid.NewGuid());
        await _platform.Grains.GetGrain<IManagementGrain>(0).ForceActivationCollection(TimeSpan.Zero);
        Assert.Contains("being read", (await Assert.ThrowsAsync<UserErrorException>(Run.DeleteAsync)).Message);
    }

    [Fact]
    public async Task Stop_IsToldToTheAgentAndToWhoeverRenews()
    {
        await StartAsync();
        await Run.StopAsync();
        Assert.True(_agents.Heard($"StopRankAsync {Folder} 1"));
        Assert.Equal(new Standing(true, true), await Run.RenewAsync(1, _agents.Here, null));
        await Run.EndedAsync(_agents.Here, new AttemptEnd(1, new RankFinished(3, Completed: false), null));
        Assert.Equal(RunState.Stopped, (await Run.FindAsync())!.Record.State);
    }

    internal static RunRequest Request() => new()
    {
        ConfigYaml = "keep: 2\n",
        TokensFolder = "/t",
        TokenizerFolder = "/v",
        Environment = new Dictionary<string, string>(),
    };

    [Fact]
    public async Task State_IsCopiedIntoTheFolderWithEveryWrite_AndAfterAFailureWithTheNext()
    {
        await StartAsync();
        Assert.True((await Run.CommitAsync(Checkpoint(5, 1))).Accepted);
        Assert.Equal(5, _agents.Kept!.Record!.Latest!.Step);
        _agents.Fail = (nameof(INodeAgent.KeepStateAsync), new UnauthorizedAccessException());
        Assert.True((await Run.CommitAsync(Checkpoint(6, 1))).Accepted);
        Assert.Equal(5, _agents.Kept.Record.Latest!.Step);
        await _platform.DeactivateAsync(Run);
        Assert.Equal(6, (await Run.FindAsync())!.Record.Latest!.Step);
        Assert.Equal(6, _agents.Kept.Record.Latest!.Step);
        _agents.Fail = (nameof(INodeAgent.KeepMetricsAsync), new IOException());
        Assert.True((await Run.ReportAsync(1, 2, [Metrics(7)])).Current);
        Assert.Equal([7], await StepsAsync(1));
    }

    [Fact]
    public async Task Adopt_OfARunWhoseMetricsStayedElsewhere_ShowsWhereItsCheckpointStands()
    {
        await StartAsync();
        Assert.True((await Run.CommitAsync(Checkpoint(5, 1))).Accepted);
        _agents.Orphan = new Adoption(_agents.Kept!, ["it was the run of the platform in /h"]);
        var moved = _platform.Grains.Run("/runs/moved");
        Assert.True((await moved.AdoptAsync()).Adopted);
        var view = (await moved.FindAsync())!;
        Assert.Equal((RunState.Interrupted, 5L), (view.Row.State, view.Row.Step));
        Assert.Equal(["started", "committed", "adopted"], (await moved.EventsAsync()).Select(e => e.Kind));
        Assert.False((await moved.AdoptAsync()).Adopted);
    }

    private static RankStarted Started() => new() { FromStep = 0, Plan = new RunPlan(100, 4, 64), Fingerprint = "f", Parameters = 1, Device = "cpu" };

    private static WrittenCheckpoint Checkpoint(long step, int attempt) =>
        new() { Step = step, Attempt = attempt, ManifestSha256 = $"m{step}.{attempt}", WeightsSha256 = "w", SizeBytes = 1 };

    private static MetricsReport Metrics(long step) => new([new StepMetrics(step, new Dictionary<string, double> { [MetricNames.TrainLoss] = 1 })]);

    /// <summary>Creates the run and waits until its first attempt was to be launched.</summary>
    private async Task CreateAsync()
    {
        Assert.True((await Run.CreateAsync(Request())).Created);
        await LaunchedAsync(1);
    }

    private Task LaunchedAsync(int attempt) => Wait.ForAsync($"the launch of attempt {attempt}", () => _agents.Heard($"LaunchAsync {Folder} {attempt}"));

    /// <summary>A run whose first attempt trains; report 1 was its start.</summary>
    private async Task StartAsync()
    {
        await CreateAsync();
        Assert.True((await Run.ReportAsync(1, 1, [Started()])).Current);
    }

    private async Task<List<long>> StepsAsync(int attempt)
    {
        var steps = new List<long>();
        await foreach (var page in Run.AttemptRowsAsync(attempt)) steps.AddRange(page.Select(r => r.Step));
        return steps;
    }
}
