using Dtt.Core.Runs;

namespace Dtt.Grains.Runs;

/// <summary>One metric's curve, thinned for a chart.</summary>
internal static class MetricSeries
{
    /// <summary>The steps that no later attempt ran again, at most <paramref name="points"/> of them, the first and the last included.</summary>
    public static (long Step, double Value)[] Of(IReadOnlyList<RunAttempt> attempts, Func<int, IReadOnlyList<(long Step, double Value)>> rows, int points)
    {
        var curve = new SortedDictionary<long, double>();
        for (var i = 0; i < attempts.Count; i++)
        {
            var last = Lineage.LastStepOf(attempts, i);
            foreach (var (step, value) in rows(attempts[i].Attempt))
            {
                if (step <= last) curve.TryAdd(step, value);
            }
        }

        var all = curve.Select(s => (s.Key, s.Value)).ToArray();
        if (points < 2 || all.Length <= points) return all;
        return [.. Enumerable.Range(0, points).Select(i => all[(long)i * (all.Length - 1) / (points - 1)])];
    }
}
