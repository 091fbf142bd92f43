using System.Globalization;
using Dtt.Core.Ranks;

namespace Dtt.Silo.Ranks;

/// <summary>
/// How long a rank may be silent in each phase before it counts as hung. A rank gives a sign at every phase, micro-batch and validation batch, so only the
/// longest single piece of work matters. <c>DTT_DEADLINE_SCALE</c> multiplies all of them (a slow file system, a test).
/// </summary>
/// <param name="Scale">Multiplies every deadline.</param>
public sealed record PhaseDeadlines(double Scale)
{
    /// <summary>The newest steps whose median counts.</summary>
    public const int MedianOf = 21;

    /// <summary>The deadlines under a <c>DTT_DEADLINE_SCALE</c>; null or nonsense: 1.</summary>
    public static PhaseDeadlines Of(string? scale) =>
        new(double.TryParse(scale, NumberStyles.Float, CultureInfo.InvariantCulture, out var factor) && factor > 0 ? factor : 1);

    /// <summary>The longest silence allowed.</summary>
    /// <param name="phase">What the rank said it was doing.</param>
    /// <param name="stepSeconds">Durations of the attempt's newest steps.</param>
    public TimeSpan Of(RankPhase phase, IReadOnlyList<double> stepSeconds) => Scale * phase switch
    {
        RankPhase.Init => TimeSpan.FromMinutes(10),
        RankPhase.Train or RankPhase.Evaluate when stepSeconds.Count == 0 => TimeSpan.FromMinutes(5), // the first step: kernels are chosen, memory grows
        RankPhase.Train => TimeSpan.FromSeconds(Math.Max(15, 5 * Median(stepSeconds))),
        RankPhase.Evaluate => TimeSpan.FromSeconds(Math.Max(60, 5 * Median(stepSeconds))),
        RankPhase.Save => TimeSpan.FromMinutes(15),
        _ => throw new ArgumentOutOfRangeException(nameof(phase)),
    };

    private static double Median(IReadOnlyList<double> stepSeconds)
    {
        var ordered = stepSeconds.Order().ToArray();
        return ordered[ordered.Length / 2];
    }
}
