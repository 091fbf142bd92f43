namespace Dtt.Training.Sampling;

/// <summary>How the next token is chosen from the logits.</summary>
/// <param name="Temperature">Divides the logits; 0: the likeliest.</param>
/// <param name="TopK">Only the k likeliest; 0: all.</param>
/// <param name="TopP">Only the likeliest whose probabilities first reach p (Holtzman et al. 2020, arXiv:1904.09751); 1: all.</param>
internal sealed record TokenChoice(double Temperature, int TopK = 0, double TopP = 1)
{
    /// <summary>Chooses an id; equal logits and equal random bits give equal ids.</summary>
    public int Choose(ReadOnlySpan<float> logits, ulong random)
    {
        if (Temperature == 0) return Likeliest(logits);
        var ids = Candidates(logits);
        var weights = new double[ids.Length];
        var (top, sum) = (double.NegativeInfinity, 0.0);
        foreach (var id in ids) top = Math.Max(top, logits[id]);
        for (var i = 0; i < ids.Length; i++) sum += weights[i] = Math.Exp((logits[ids[i]] - top) / Temperature);
        if (TopP < 1) (ids, weights, sum) = Nucleus(ids, weights, sum);
        var drawn = (random >> 11) * (1.0 / (1UL << 53)) * sum;
        for (var i = 0; i < ids.Length; i++)
        {
            if ((drawn -= weights[i]) < 0) return ids[i];
        }

        return ids[^1];
    }

    private static int Likeliest(ReadOnlySpan<float> logits)
    {
        var best = 0;
        for (var i = 1; i < logits.Length; i++) best = logits[i] > logits[best] ? i : best;
        return best;
    }

    /// <summary>The ids to choose from, ascending; of equal logits at the limit the smaller ids stay.</summary>
    private int[] Candidates(ReadOnlySpan<float> logits)
    {
        if (TopK <= 0 || TopK >= logits.Length) return [.. Enumerable.Range(0, logits.Length)];
        var queue = new PriorityQueue<int, (float Logit, int Id)>(TopK + 1);
        for (var id = 0; id < logits.Length; id++)
        {
            if (queue.Count < TopK) queue.Enqueue(id, (logits[id], -id));
            else if (queue.TryPeek(out _, out var least) && logits[id] > least.Logit) queue.EnqueueDequeue(id, (logits[id], -id));
        }

        return [.. queue.UnorderedItems.Select(i => i.Element).Order()];
    }

    private (int[] Ids, double[] Weights, double Sum) Nucleus(int[] ids, double[] weights, double sum)
    {
        var order = Enumerable.Range(0, ids.Length).OrderByDescending(i => weights[i]).ThenBy(i => ids[i]).ToArray();
        var (nucleus, count) = (0.0, 0);
        while (count < order.Length && nucleus < TopP * sum) nucleus += weights[order[count++]];
        return ([.. order.Take(count).Select(i => ids[i])], [.. order.Take(count).Select(i => weights[i])], nucleus);
    }
}
