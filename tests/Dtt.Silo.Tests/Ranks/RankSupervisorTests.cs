using System.Reflection;
using Dtt.Abstractions;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Dtt.Silo.Ranks;
using Dtt.Tests;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Dtt.Silo.Tests.Ranks;

/// <summary>A real rank between the supervisor and a run that answers as a test says.</summary>
public sealed class RankSupervisorTests : IDisposable
{
    private static readonly TimeSpan _bound = TimeSpan.FromMinutes(2);
    private readonly TempFolder _folder = new();
    private readonly List<RankMessage> _reported = [];
    private readonly List<AttemptEnd> _ends = [];
    private int _commits;
    private Standing _standing = new(true, false);
    private Func<int, Task<CommitReply>> _commit = _ => Task.FromResult(new CommitReply(true));
    private bool _isSilent;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Run_ToTheEnd_TellsEverythingThatWasSaidAndThenTheEnd()
    {
        var supervisor = Supervise("say:a commit:5 say:b finish", TimeProvider.System);
        var end = await supervisor.RunAsync().WaitAsync(_bound);
        await supervisor.TellAsync(end, CancellationToken.None).WaitAsync(_bound);
        Assert.Equal(["a", $"{new CommitReply(true)}", "b"], Events());
        Assert.Equal(new AttemptEnd(3, new RankFinished(0, Completed: true), null), Assert.Single(_ends));
    }

    [Fact]
    public async Task Commit_WhoseAnswerIsLost_IsAskedAgain()
    {
        _commit = call => call == 1 ? Task.FromException<CommitReply>(new TimeoutException()) : Task.FromResult(new CommitReply(true));
        await RunAsync("commit:5 finish");
        Assert.Equal(2, _commits);
        Assert.Equal([$"{new CommitReply(true)}"], Events());
    }

    [Fact]
    public async Task Commit_ThatTheRunCannotWrite_IsAnsweredAsTransient()
    {
        _commit = _ => Task.FromException<CommitReply>(new IOException("the disk is full"));
        await RunAsync("commit:5 finish");
        Assert.Equal(1, _commits);
        Assert.Equal([$"{new CommitReply(false, "the disk is full", Transient: true)}"], Events());
    }

    [Fact]
    public async Task Attempt_ThatIsOver_IsKilled()
    {
        _standing = new Standing(false, false);
        Assert.Equal("the rank was killed by signal 9 in phase init after step 0", (await RunAsync("say:a hang")).Died!.How);
    }

    [Fact]
    public async Task Ranks_OfWhichOneHungWhileAllWait_AreKilled_AndItsThreadsAreTold()
    {
        var hung = CauseCard.Of(DeathKind.Rank, "every rank waits for the others") with { Rank = 0 };
        _standing = new Standing(true, false, hung);
        var died = (await RunAsync("say:a loop")).Died!;
        Assert.Equal((hung.How, DeathKind.Rank, "n"), (died.How, died.Kind, died.Node));
        Assert.Contains(died.Stacks, l => l.Contains("LoopsForEver"));
    }

    [Fact]
    public async Task Ranks_OfWhichNoneIsTheOneThatHung_AreKilledForItsSake()
    {
        _standing = new Standing(true, false, CauseCard.Of(DeathKind.Rank, "every rank waits for the others") with { Rank = 5 });
        var died = (await RunAsync("say:a loop")).Died!;
        Assert.Equal((DeathKind.Peer, 0), (died.Kind, died.Stacks.Count));
    }

    [Fact]
    public async Task Stop_IsPassedOn()
    {
        _standing = new Standing(true, true);
        _ = await RunAsync("say:a receive finish");
        Assert.Equal(["a", $"{new StopRequest()}"], Events());
    }

    [Fact]
    public async Task Run_ThatNeverAnswers_LosesItsRanksWhenTheLeaseHasPassed()
    {
        _isSilent = true;
        var time = new FakeTimeProvider();
        var start = time.GetTimestamp();
        var running = Supervise("hang", time).RunAsync();
        await Wait.ForAsync("the end of the lease", () =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return running.IsCompleted;
        });
        Assert.Contains("was killed by signal 9", (await running).Died!.How);
        Assert.True(time.GetElapsedTime(start) >= TimeSpan.FromSeconds(90));
    }

    [Fact]
    public async Task Rank_ThatCannotBeStarted_IsAnEndThatSaysWhy() =>
        Assert.StartsWith("the rank could not be started: ", (await RunAsync("finish", _folder.Write("file", "in the way"))).Died!.How);

    private List<string> Events() => [.. _reported.Cast<RankEvent>().Select(e => e.Message)];

    private async Task<AttemptEnd> RunAsync(string rank, string? folder = null)
    {
        var supervisor = Supervise(rank, TimeProvider.System, folder);
        var end = await supervisor.RunAsync().WaitAsync(_bound);
        await supervisor.TellAsync(end, CancellationToken.None).WaitAsync(_bound);
        return end;
    }

    private RankSupervisor Supervise(string rank, TimeProvider time, string? folder = null)
    {
        var spec = new TrainSpec
        {
            Run = "r",
            RunFolder = folder ?? _folder.Path,
            Attempt = 3,
            ConfigYaml = rank,
            TokensFolder = "",
            TokenizerFolder = "",
            GlobalBatchWindows = 0,
            ResumeFrom = [],
        };
        var run = DispatchProxy.Create<IRunGrain, RunStub>();
        ((RunStub)run).Owner = this;
        var launch = new LaunchRequest(spec, ["cpu"], new Dictionary<string, string>());
        return new RankSupervisor(launch, run, new NodeRef("n", "s"), [("cpu", _folder["lock"])], time, NullLogger.Instance);
    }

    private Task Answer(string call, object?[] arguments)
    {
        switch (call)
        {
            case nameof(IRunGrain.ReportAsync):
                _reported.AddRange((RankMessage[])arguments[2]!);
                return Task.FromResult(_standing);
            case nameof(IRunGrain.RenewAsync):
                return _isSilent ? Task.FromException<Standing>(new TimeoutException()) : Task.FromResult(_standing);
            case nameof(IRunGrain.CommitAsync):
                return _commit(++_commits);
            case nameof(IRunGrain.EndedAsync):
                _ends.Add((AttemptEnd)arguments[1]!);
                return Task.CompletedTask;
            default:
                throw new NotSupportedException(call);
        }
    }

    /// <summary>A run that answers its agent.</summary>
    public class RunStub : DispatchProxy
    {
        internal RankSupervisorTests Owner { get; set; } = null!;

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => Owner.Answer(targetMethod!.Name, args!);
    }
}
