using System.Globalization;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;

namespace Dtt.Silo.Ranks;

/// <summary>
/// Looks into the ranks' black boxes every second. A rank that has been silent for too long is hung, unless it waits for its peers in a collective: then the hung one is another, or all wait
/// for each other. The attempt is killed, and who was doing what is said.
/// </summary>
internal sealed class HangWatch : IDisposable
{
    private static readonly TimeSpan _period = TimeSpan.FromSeconds(1);
    private readonly Lock _gate = new();
    private readonly IReadOnlyList<BlackBox> _boxes;
    private readonly PhaseDeadlines _deadlines;
    private readonly Action _kill;
    private readonly List<double> _stepSeconds = [];
    private readonly Timer _timer;
    private volatile string? _verdict;

    public HangWatch(IReadOnlyList<BlackBox> boxes, PhaseDeadlines deadlines, Action kill)
    {
        (_boxes, _deadlines, _kill) = (boxes, deadlines, kill);
        _timer = new Timer(_ => Look(), null, _period, _period);
    }

    /// <summary>What was found, or null.</summary>
    public string? Verdict => _verdict;

    /// <summary>The rank that hung, or null.</summary>
    public int? Culprit { get; private set; }

    /// <summary>Learns how long steps take.</summary>
    public void Learn(RankMessage message)
    {
        if (message is not MetricsReport report) return;
        lock (_gate) _stepSeconds.AddRange(report.Rows.Where(r => r.Values.ContainsKey(MetricNames.StepSeconds)).Select(r => r.Values[MetricNames.StepSeconds]));
    }

    public void Dispose()
    {
        using var stopped = new ManualResetEvent(false);
        if (_timer.Dispose(stopped)) stopped.WaitOne();
    }

    private void Look()
    {
        lock (_gate)
        {
            if (_verdict is not null) return;
            var waiting = 0;
            for (var rank = 0; rank < _boxes.Count; rank++)
            {
                var (phase, step, age) = _boxes[rank].Read();
                var (begun, completed) = _boxes[rank].ReadCollectives();
                var deadline = _deadlines.Of(phase, _stepSeconds);
                if (age <= deadline) continue;
                if (begun > completed && ++waiting < _boxes.Count) continue;
                var who = _boxes.Count == 1 ? "the rank" : begun > completed ? $"every rank waits for the others in collective {begun}; rank {rank}" : $"rank {rank}";
                Culprit = rank;
                _verdict = string.Create(CultureInfo.InvariantCulture, $"{who} hung in phase {phase.ToString().ToLowerInvariant()} after step {step}: no sign for {age.TotalSeconds:0} s, the deadline is {deadline.TotalSeconds:0} s");
                _kill();
                return;
            }
        }
    }
}
