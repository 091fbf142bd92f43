using Dtt.Core.Runs;

namespace Dtt.Grains.Runs;

/// <summary>The curve of a run: the rows whose step no later attempt ran again, so that each step stands in it once.</summary>
internal static class MetricLineage
{
    /// <summary>Merges the rows of all attempts into one curve, by step.</summary>
    /// <param name="attempts">The run's attempts.</param>
    /// <param name="rows">The rows of each attempt, in the order they were stored; of two rows of one step the first value of each name counts.</param>
    public static IReadOnlyList<StepMetrics> Curve(IReadOnlyList<RunAttempt> attempts, Func<int, IEnumerable<StepMetrics>> rows)
    {
        var curve = new SortedDictionary<long, Dictionary<string, double>>();
        for (var i = 0; i < attempts.Count; i++)
        {
            var last = Lineage.LastStepOf(attempts, i);
            foreach (var row in rows(attempts[i].Attempt))
            {
                if (row.Step > last) continue;
                if (!curve.TryGetValue(row.Step, out var values)) curve[row.Step] = values = new(StringComparer.Ordinal);
                foreach (var (name, value) in row.Values) values.TryAdd(name, value);
            }
        }

        return [.. curve.Select(s => new StepMetrics(s.Key, s.Value))];
    }
}
