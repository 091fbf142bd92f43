using Dtt.Core.Ranks;
using Dtt.Silo.Ranks;
using Dtt.Tests;
using Microsoft.Extensions.Time.Testing;

namespace Dtt.Silo.Tests.Ranks;

public sealed class HangWatchTests : IAsyncLifetime
{
    private static readonly PhaseDeadlines _none = new(1e-9), _usual = new(1);
    private readonly FakeTimeProvider _time = new();
    private readonly TempFolder _folder = new();
    private readonly List<BlackBox> _boxes = [];
    private HangWatch? _watch;
    private bool _anyDied, _isWhole = true;
    private int? _stopped;
    private int _firstRank;
    private int _kills;
    private Func<int, Task<IReadOnlyList<string>>> _threads = rank => Task.FromResult<IReadOnlyList<string>>([$"of {rank}"]);

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (_watch is not null) await _watch.DisposeAsync();
        foreach (var box in _boxes) box.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Look_AtRanksThatGiveSigns_FindsNothing()
    {
        Look(_usual, (2, 1), (1, 1));
        Assert.Equal((null, null, 0), (_watch!.Verdict, _watch.Culprit, _kills));
    }

    [Fact]
    public void Look_AtARankThatTheOthersWaitFor_NamesIt()
    {
        Look(_none, (9, 8), (8, 8), (9, 8));
        Assert.Equal((1, 1), (_watch!.Culprit, _kills));
        Assert.Equal(["of 1"], _watch.Stacks);
        Assert.StartsWith("rank 1 hung in phase train after step 5: no sign for ", _watch.Verdict);
    }

    [Fact]
    public void Look_AtRanksThatAllWait_NamesTheOneWithTheFewestCompletedCollectives()
    {
        Look(_none, (9, 8), (8, 7), (9, 8));
        Assert.Equal(1, _watch!.Culprit);
        Assert.StartsWith("every rank waits for the others in collective 8; rank 1 hung in phase train", _watch.Verdict);
    }

    [Fact]
    public void Look_AtSeveralThatHang_NamesTheOneThatIsFurthestBehind()
    {
        Look(_none, (8, 8), (9, 8), (7, 7));
        Assert.Equal(2, _watch!.Culprit);
    }

    [Fact]
    public void Look_AtALoneRank_SpeaksOfTheRank()
    {
        Look(_none, (0, 0));
        Assert.StartsWith("the rank hung in phase train after step 5: no sign for ", _watch!.Verdict);
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(1, _kills); // once
    }

    [Fact]
    public void Look_AtRanksOfWhichOneIsDead_FindsNothing()
    {
        _anyDied = true;
        Look(_none, (8, 8), (8, 8));
        Assert.Equal((null, null, 0), (_watch!.Verdict, _watch.Culprit, _kills));
        _anyDied = false;
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1, _kills);
    }

    [Fact]
    public void Look_LearnsHowLongStepsTake_FromTheStepsThemselves()
    {
        var box = BlackBox.Create(_folder["box"]);
        _boxes.Add(box);
        _watch = new HangWatch([new WatchedRank(0, box, () => false, () => _threads(0))], isWhole: true, _usual, () => false, () => _kills++, _time);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(TimeSpan.FromMinutes(5), _watch.DeadlineOf(RankPhase.Train)); // no step is done yet
        foreach (var seconds in new[] { 30, 30, 400 })
        {
            box.WriteStep(seconds);
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(TimeSpan.FromSeconds(150), _watch.DeadlineOf(RankPhase.Train));
    }

    [Fact]
    public void Look_AtARankThatIsStoppedInACollective_NamesIt()
    {
        _stopped = 1;
        Look(_none, (9, 8), (9, 8), (9, 8));
        Assert.Equal(1, _watch!.Culprit);
        Assert.StartsWith("rank 1 hung in phase train", _watch.Verdict);
    }

    [Fact]
    public void Look_AtAPartWhoseRanksAllWait_SaysSo_AndKillsNobody()
    {
        (_isWhole, _firstRank) = (false, 4);
        Look(_none, (9, 8), (8, 7));
        Assert.Equal((null, 0), (_watch!.Verdict, _kills));
        Assert.Equal((5, 7), (_watch.Stalled!.Rank, _watch.Stalled.Completed));
        Assert.StartsWith("rank 5 hung in phase train after step 5", _watch.Stalled.Card.How);
        Assert.True(_watch.Stalled.Card.Hung);
    }

    [Fact]
    public void Look_AtARankThatHangsInAPart_NamesItByItsNumberInTheAttempt()
    {
        (_isWhole, _firstRank) = (false, 4);
        Look(_none, (9, 8), (8, 8));
        Assert.Equal((1, 1), (_watch!.Culprit, _kills));
        Assert.StartsWith("rank 5 hung", _watch.Verdict);
    }

    [Fact]
    public async Task Look_AtARankWhoseThreadsAreBeingRead_KillsItAfterwards()
    {
        var read = new TaskCompletionSource<IReadOnlyList<string>>();
        _threads = _ => read.Task;
        Look(_none, (0, 0));
        Assert.Equal(0, _kills);
        read.SetResult(["late"]);
        await _watch!.DisposeAsync();
        Assert.Equal(1, _kills);
        Assert.Equal(["late"], _watch.Stacks);
    }

    /// <summary>Has the watch look once at ranks with these collectives begun and completed.</summary>
    private void Look(PhaseDeadlines deadlines, params (long Begun, long Completed)[] ranks)
    {
        foreach (var (begun, completed) in ranks)
        {
            var box = BlackBox.Create(_folder[$"{_boxes.Count}"]);
            box.Write(RankPhase.Train, 5);
            box.WriteCollectives(begun, completed);
            _boxes.Add(box);
        }

        Assert.True(SpinWait.SpinUntil(() => _boxes.All(b => b.Read().Age > TimeSpan.Zero), TimeSpan.FromMinutes(1)));
        var watched = _boxes.Select((box, rank) => new WatchedRank(_firstRank + rank, box, () => _stopped == rank, () => _threads(rank)));
        _watch = new HangWatch([.. watched], _isWhole, deadlines, () => _anyDied, () => _kills++, _time);
        _time.Advance(TimeSpan.FromSeconds(1));
    }
}
