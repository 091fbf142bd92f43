using System.Globalization;
using Dtt.Core.Runs;

namespace Dtt.Cli.Output;

/// <summary>Where a run's time went: <c>dtt show</c>.</summary>
/// <param name="Share">The useful share of its time, 0–1.</param>
/// <param name="Seconds">Its time, without that in which it was stopped, failed or complete.</param>
/// <param name="UsefulSeconds">In steps that count.</param>
/// <param name="LostSeconds">The rest by what it went into: <see cref="LostTime"/>, in snake_case.</param>
/// <param name="NodeHours">Time of its attempts times their nodes.</param>
internal sealed record GoodputOutput(
    double Share, double Seconds, double UsefulSeconds, IReadOnlyDictionary<string, double> LostSeconds, double NodeHours)
{
    private static readonly (LostTime Time, string Name, string Words)[] _all =
    [
        (LostTime.Waiting, "waiting", "waiting for devices"),
        (LostTime.Starting, "starting", "starting up"),
        (LostTime.Again, "again", "steps that were run again"),
        (LostTime.Saving, "saving", "saving"),
        (LostTime.RankDeath, "rank_death", "until the next attempt after a rank's death"),
        (LostTime.Hang, "hang", "until the next attempt after a hang"),
        (LostTime.Kill, "kill", "until the next attempt after a kill from outside"),
        (LostTime.SiloDeath, "silo_death", "until the next attempt after a silo's death"),
        (LostTime.Move, "move", "until the next attempt after an orderly end"),
        (LostTime.Other, "other", "validation, samples and the rest"),
    ];

    public static GoodputOutput Of(Goodput goodput) => new(
        goodput.Share,
        goodput.Seconds,
        goodput.UsefulSeconds,
        _all.ToDictionary(t => t.Name, t => goodput.LostSeconds.GetValueOrDefault(t.Time)),
        goodput.NodeHours);

    /// <summary>The same for people: the share, then what the rest went into, the most first.</summary>
    public IEnumerable<string> Lines()
    {
        if (NodeHours == 0) yield break;
        yield return string.Create(CultureInfo.InvariantCulture,
            $"goodput {100 * Share:0.0} %: {Duration(UsefulSeconds)} of {Duration(Seconds)} in steps that count; {NodeHours:0.00} node-hours");
        foreach (var (_, name, words) in _all.Where(t => LostSeconds[t.Name] > 0).OrderByDescending(t => LostSeconds[t.Name]))
            yield return $"  {Duration(LostSeconds[name]),11}  {words}";
    }

    private static string Duration(double seconds) => TimeSpan.FromSeconds(seconds) switch
    {
        { TotalMinutes: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{seconds:0.0} s"),
        { TotalHours: < 1 } t => $"{t.Minutes} min {t.Seconds:00} s",
        var t => string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(t.TotalHours):0} h {t.Minutes:00} min"),
    };
}
