using System.Globalization;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;

namespace Dtt.Training.Checkpoints;

/// <summary>
/// <c>save_every: auto</c>: when the next checkpoint is due by the clock. The interval that loses least is √(2·C·M) seconds for saves that cost C and failures
/// M seconds apart on average (Young, "A first order approximation to the optimum checkpoint interval", CACM 17(9), 1974; for C much smaller than M the same as
/// Daly's, FGCS 22(3), 2006). C is measured with every save, M comes from the run's attempts; a first save, whose cost is not known yet, is taken to cost a
/// second.
/// </summary>
/// <param name="failureSeconds">M as of the attempt's begin; an attempt that lives longer than that raises it.</param>
/// <param name="time">The clock.</param>
internal sealed class SaveSchedule(double failureSeconds, TimeProvider time)
{
    private const double LeastSeconds = 1, SaidFactor = 1.5;
    private readonly long _begun = time.GetTimestamp();
    private long _saved = time.GetTimestamp();
    private double _cost = 1;
    private double? _said;

    /// <summary>Seconds between two saves as of now.</summary>
    public double IntervalSeconds => Math.Max(LeastSeconds, Math.Sqrt(2 * _cost * FailureSeconds));

    /// <summary>Whether a save is due.</summary>
    public bool IsDue => time.GetElapsedTime(_saved).TotalSeconds >= IntervalSeconds;

    private double FailureSeconds => Math.Max(failureSeconds, time.GetElapsedTime(_begun).TotalSeconds);

    /// <summary>Takes what a save has cost.</summary>
    /// <param name="seconds">For how long training stood still.</param>
    /// <param name="stepSeconds">How long a step takes, for people; null: not known.</param>
    /// <returns>What is to be said: the interval, at first and when it has changed by half; else null.</returns>
    public RankEvent? Saved(double seconds, double? stepSeconds)
    {
        _saved = time.GetTimestamp();
        _cost = Math.Max(seconds, 1e-3);
        if (_said is { } said && IntervalSeconds < said * SaidFactor && IntervalSeconds > said / SaidFactor) return null;
        _said = IntervalSeconds;
        var steps = stepSeconds is > 0 and var step ? string.Create(CultureInfo.InvariantCulture, $" ({Math.Max(1, IntervalSeconds / step):N0} steps)") : "";
        return new RankEvent(EventKinds.SavePlan, string.Create(CultureInfo.InvariantCulture,
            $"a checkpoint every {Words(IntervalSeconds)}{steps}: a save costs {seconds:0.000} s, and a failure is expected every {Words(FailureSeconds)}"));
    }

    private static string Words(double seconds) => seconds switch
    {
        < 90 => string.Create(CultureInfo.InvariantCulture, $"{seconds:0.0} s"),
        < 5400 => string.Create(CultureInfo.InvariantCulture, $"{seconds / 60:0.0} minutes"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{seconds / 3600:0.0} hours"),
    };
}
