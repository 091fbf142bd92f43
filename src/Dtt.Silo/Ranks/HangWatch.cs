using System.Globalization;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;

namespace Dtt.Silo.Ranks;

/// <summary>
/// Looks into the ranks' black boxes every second. A rank that has been silent for too long is hung, unless it waits for its peers in a collective: then the
/// hung one is another, or all wait for each other. Of several the one with the fewest completed collectives is named. The attempt is killed, and who was
/// doing what is said. A rank that is dead explains the silence of the others: then nobody is hung, and who started the ranks ends them.
/// </summary>
internal sealed class HangWatch : IAsyncDisposable
{
    private static readonly TimeSpan _period = TimeSpan.FromSeconds(1);
    private readonly Lock _gate = new();
    private readonly IReadOnlyList<BlackBox> _boxes;
    private readonly PhaseDeadlines _deadlines;
    private readonly Func<bool> _anyDied;
    private readonly Action _kill;
    private readonly List<double> _stepSeconds = [];
    private readonly ITimer _timer;
    private volatile string? _verdict;

    /// <summary>Starts to look.</summary>
    /// <param name="boxes">The ranks' black boxes.</param>
    /// <param name="deadlines">How long a rank may be silent in each phase.</param>
    /// <param name="anyDied">Whether a rank has ended before its time.</param>
    /// <param name="kill">Ends them all.</param>
    /// <param name="time">The clock of looking.</param>
    public HangWatch(IReadOnlyList<BlackBox> boxes, PhaseDeadlines deadlines, Func<bool> anyDied, Action kill, TimeProvider time)
    {
        (_boxes, _deadlines, _anyDied, _kill) = (boxes, deadlines, anyDied, kill);
        _timer = time.CreateTimer(_ => Look(), null, _period, _period);
    }

    /// <summary>What was found, or null.</summary>
    public string? Verdict => _verdict;

    /// <summary>The rank that hung, or null.</summary>
    public int? Culprit { get; private set; }

    /// <summary>Learns how long steps take.</summary>
    public void Learn(RankMessage message)
    {
        if (message is not MetricsReport report) return;
        lock (_gate)
        {
            foreach (var row in report.Rows)
            {
                if (row.Values.TryGetValue(MetricNames.StepSeconds, out var seconds)) _stepSeconds.Add(seconds);
            }
        }
    }

    public ValueTask DisposeAsync() => _timer.DisposeAsync();

    private void Look()
    {
        lock (_gate)
        {
            if (_verdict is not null || _anyDied()) return;
            var silent = _boxes.Select((box, rank) => Read(box, rank)).Where(s => s.Age > s.Deadline).ToList();
            var hung = silent.Where(s => !s.Waits).ToList();
            var allWait = hung.Count == 0 && silent.Count == _boxes.Count;
            if ((allWait ? silent : hung).MinBy(s => s.Completed) is not { } culprit) return;
            var who = _boxes.Count == 1 ? "the rank"
                : allWait ? $"every rank waits for the others in collective {culprit.Begun}; rank {culprit.Rank}"
                : $"rank {culprit.Rank}";
            Culprit = culprit.Rank;
            _verdict = string.Create(CultureInfo.InvariantCulture,
                $"{who} hung in phase {culprit.Phase.ToString().ToLowerInvariant()} after step {culprit.Step}: "
                + $"no sign for {culprit.Age.TotalSeconds:0} s, the deadline is {culprit.Deadline.TotalSeconds:0} s");
            _kill();
        }
    }

    private Sign Read(BlackBox box, int rank)
    {
        var (phase, step, age) = box.Read();
        var (begun, completed) = box.ReadCollectives();
        return new Sign(rank, phase, step, age, _deadlines.Of(phase, _stepSeconds), begun, completed);
    }

    /// <summary>A rank's last sign of life.</summary>
    private sealed record Sign(int Rank, RankPhase Phase, long Step, TimeSpan Age, TimeSpan Deadline, long Begun, long Completed)
    {
        public bool Waits => Begun > Completed;
    }
}
