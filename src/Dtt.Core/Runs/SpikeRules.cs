namespace Dtt.Core.Runs;

/// <summary>How often a run goes back for a spike of its loss: what comes again and again is not the data's doing.</summary>
public static class SpikeRules
{
    /// <summary>Times that the windows of one step are left out for a spike.</summary>
    public const int MaxAtOneStep = 3;

    /// <summary>Times in a run.</summary>
    public const int MaxInARun = 20;

    /// <summary>Why the windows of a step are not left out for a spike any more, or null.</summary>
    /// <param name="leftOut">What the run leaves out.</param>
    /// <param name="step">The step.</param>
    public static string? WhyNotLeftOut(IReadOnlyList<LeftOutWindows>? leftOut, long step)
    {
        var spikes = (leftOut ?? []).Where(l => l.Spike).ToList();
        if (spikes.Count(l => l.FirstStep == step) >= MaxAtOneStep)
            return $"its windows were left out {MaxAtOneStep} times already, and others made it spike again";
        return spikes.Count >= MaxInARun ? $"the run went back {MaxInARun} times for spikes already" : null;
    }
}
