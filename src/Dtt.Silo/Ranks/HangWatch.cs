using System.Globalization;
using Dtt.Abstractions;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;

namespace Dtt.Silo.Ranks;

/// <summary>
/// Looks into the ranks' black boxes every second. A rank that has been silent for too long is hung, unless it waits for its peers in a collective: then the
/// hung one is another, or all wait for each other. Of several the one with the fewest completed collectives is named. What its threads do is read, the attempt
/// is killed, and who was doing what is said. A rank that is dead explains the silence of the others: then nobody is hung, and who started the ranks ends
/// them. Where ranks of the attempt are on other nodes, that all here wait says nothing yet: the run hears of it (<see cref="Stalled"/>), and of the others.
/// </summary>
internal sealed class HangWatch : IAsyncDisposable
{
    private static readonly TimeSpan _period = TimeSpan.FromSeconds(1);
    private readonly Lock _gate = new();
    private readonly IReadOnlyList<WatchedRank> _ranks;
    private readonly bool _isWhole;
    private readonly PhaseDeadlines _deadlines;
    private readonly Func<bool> _anyDied;
    private readonly Action _kill;
    private readonly Queue<double> _stepSeconds = [];
    private readonly ITimer _timer;
    private volatile string? _verdict;
    private volatile IReadOnlyList<string> _stacks = [];
    private volatile StalledPart? _stalled;
    private Task _ending = Task.CompletedTask;

    /// <summary>Starts to look.</summary>
    /// <param name="ranks">The ranks.</param>
    /// <param name="isWhole">Whether they are all ranks of their attempt.</param>
    /// <param name="deadlines">How long a rank may be silent in each phase.</param>
    /// <param name="anyDied">Whether a rank has ended before its time.</param>
    /// <param name="kill">Ends them all.</param>
    /// <param name="time">The clock of looking.</param>
    public HangWatch(IReadOnlyList<WatchedRank> ranks, bool isWhole, PhaseDeadlines deadlines, Func<bool> anyDied, Action kill, TimeProvider time)
    {
        (_ranks, _isWhole, _deadlines, _anyDied, _kill) = (ranks, isWhole, deadlines, anyDied, kill);
        _timer = time.CreateTimer(_ => Look(), null, _period, _period);
    }

    /// <summary>What was found, or null.</summary>
    public string? Verdict => _verdict;

    /// <summary>Which of the ranks hung, counted from 0; or null.</summary>
    public int? Culprit { get; private set; }

    /// <summary>What the managed threads of the culprit were doing, a line a frame.</summary>
    public IReadOnlyList<string> Stacks => _stacks;

    /// <summary>What the ranks look like while all of them wait for ranks of other nodes, for too long; else null.</summary>
    public StalledPart? Stalled => _stalled;

    /// <summary>How long a rank may be silent in a phase, by the steps so far.</summary>
    internal TimeSpan DeadlineOf(RankPhase phase) => _deadlines.Of(phase, [.. _stepSeconds]);

    /// <summary>Looks no more, and has ended who was found.</summary>
    public async ValueTask DisposeAsync()
    {
        await _timer.DisposeAsync();
        Task ending;
        lock (_gate) ending = _ending;
        await ending;
    }

    private void Look()
    {
        lock (_gate)
        {
            if (_verdict is not null || _anyDied()) return;
            Learn();
            var silent = _ranks.Select(Read).Where(s => s.Age > s.Deadline).ToList();
            var hung = silent.Where(s => !s.Waits).ToList();
            var allWait = hung.Count == 0 && silent.Count == _ranks.Count;
            if ((allWait ? silent : hung).MinBy(s => s.Completed) is not { } culprit)
            {
                _stalled = null;
                return;
            }

            if (allWait && !_isWhole)
            {
                _stalled = new StalledPart(culprit.Rank, culprit.Completed, new CauseCard
                {
                    Kind = DeathKind.Rank,
                    How = $"rank {culprit.Rank} {Doing(culprit)}",
                    Hung = true,
                    Rank = culprit.Rank,
                    Phase = culprit.Phase,
                    Step = culprit.Step,
                    Collective = culprit.Begun,
                });
                return;
            }

            var who = _isWhole && _ranks.Count == 1 ? "the rank"
                : allWait ? $"every rank waits for the others in collective {culprit.Begun}; rank {culprit.Rank}"
                : $"rank {culprit.Rank}";
            Culprit = culprit.Rank - _ranks[0].Rank;
            _verdict = $"{who} {Doing(culprit)}";
            _ending = EndAsync(_ranks[culprit.Rank - _ranks[0].Rank]);
        }
    }

    private async Task EndAsync(WatchedRank culprit)
    {
        try
        {
            _stacks = await culprit.ReadThreadsAsync();
        }
        finally
        {
            _kill();
        }
    }

    /// <summary>How long steps take, as the ranks themselves note it: on every node, while only rank 0 reports.</summary>
    private void Learn()
    {
        if (_ranks[0].Box.ReadStepSeconds() is not (> 0 and var seconds)) return;
        _stepSeconds.Enqueue(seconds);
        if (_stepSeconds.Count > PhaseDeadlines.MedianOf) _stepSeconds.Dequeue();
    }

    private static string Doing(Sign sign) => string.Create(CultureInfo.InvariantCulture,
        $"hung in phase {sign.Phase.ToString().ToLowerInvariant()} after step {sign.Step}: "
        + $"no sign for {sign.Age.TotalSeconds:0} s, the deadline is {sign.Deadline.TotalSeconds:0} s");

    private Sign Read(WatchedRank rank)
    {
        var (phase, step, age) = rank.Box.Read();
        var (begun, completed) = rank.Box.ReadCollectives();
        return new Sign(rank.Rank, phase, step, age, DeadlineOf(phase), begun, completed, begun > completed && !rank.IsStopped());
    }

    /// <summary>A rank's last sign of life.</summary>
    private sealed record Sign(int Rank, RankPhase Phase, long Step, TimeSpan Age, TimeSpan Deadline, long Begun, long Completed, bool Waits);
}

/// <summary>A rank that is watched.</summary>
/// <param name="Rank">Its number in the attempt.</param>
/// <param name="Box">Its black box.</param>
/// <param name="IsStopped">Whether somebody has stopped its process: then it waits for nobody, whatever it says.</param>
/// <param name="ReadThreadsAsync">Reads what its managed threads are doing, a line a frame; nothing where that takes too long or cannot be.</param>
internal sealed record WatchedRank(int Rank, BlackBox Box, Func<bool> IsStopped, Func<Task<IReadOnlyList<string>>> ReadThreadsAsync);
