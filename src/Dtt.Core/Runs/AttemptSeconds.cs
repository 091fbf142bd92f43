namespace Dtt.Core.Runs;

/// <summary>What the metrics of an attempt add up to, seconds.</summary>
/// <param name="Useful">Its steps that no later attempt ran again.</param>
/// <param name="Again">Its other steps.</param>
/// <param name="Saving">The stalls of its saves.</param>
public readonly record struct AttemptSeconds(double Useful, double Again, double Saving)
{
    /// <summary>Adds up.</summary>
    /// <param name="steps">The attempt's <see cref="MetricNames.StepSeconds"/>.</param>
    /// <param name="saves">Its <see cref="MetricNames.SaveStallSeconds"/>.</param>
    /// <param name="lastStep">The last step that counts (<see cref="Lineage.LastStepOf"/>).</param>
    public static AttemptSeconds Of(IReadOnlyList<(long Step, double Seconds)> steps, IReadOnlyList<(long Step, double Seconds)> saves, long lastStep)
    {
        var (useful, again) = (0.0, 0.0);
        foreach (var (step, seconds) in steps.Where(s => double.IsFinite(s.Seconds)))
        {
            if (step <= lastStep) useful += seconds;
            else again += seconds;
        }

        return new AttemptSeconds(useful, again, saves.Where(s => double.IsFinite(s.Seconds)).Sum(s => s.Seconds));
    }
}
