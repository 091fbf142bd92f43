using System.Globalization;
using Dtt.Abstractions.Ranks;
using Dtt.Abstractions.Runs;

namespace Dtt.Silo.Ranks;

/// <summary>Looks into a rank's black box every second and kills a rank that has been silent for too long, saying what it was doing.</summary>
internal sealed class HangWatch : IDisposable
{
    private static readonly TimeSpan _period = TimeSpan.FromSeconds(1);
    private readonly Lock _gate = new();
    private readonly List<double> _stepSeconds = [];
    private readonly Timer _timer;
    private volatile string? _verdict;

    public HangWatch(BlackBox blackBox, PhaseDeadlines deadlines, Action kill) => _timer = new Timer(_ =>
    {
        lock (_gate)
        {
            var (phase, step, age) = blackBox.Read();
            var deadline = deadlines.Of(phase, _stepSeconds);
            if (_verdict is not null || age <= deadline) return;
            _verdict = string.Create(CultureInfo.InvariantCulture, $"the rank hung in phase {phase.ToString().ToLowerInvariant()} after step {step}: no sign for {age.TotalSeconds:0} s, the deadline is {deadline.TotalSeconds:0} s");
            kill();
        }
    }, null, _period, _period);

    /// <summary>What was found, or null.</summary>
    public string? Verdict => _verdict;

    /// <summary>Learns how long steps take.</summary>
    public void Take(RankMessage message)
    {
        if (message is not MetricsReport report) return;
        lock (_gate) _stepSeconds.AddRange(report.Rows.Where(r => r.Values.ContainsKey(MetricNames.StepSeconds)).Select(r => r.Values[MetricNames.StepSeconds]));
    }

    public void Dispose()
    {
        using var stopped = new ManualResetEvent(false);
        if (_timer.Dispose(stopped)) stopped.WaitOne();
    }
}
