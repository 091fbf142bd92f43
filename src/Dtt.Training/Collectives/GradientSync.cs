using Dtt.Training.Model;

namespace Dtt.Training.Collectives;

/// <summary>
/// Sums the gradient over the ranks. Where the device can do both at once, the ranges of a block's weights are summed as soon as its last backward is done,
/// beside the backward of the blocks before it; the rest is summed at the end.
/// </summary>
internal sealed class GradientSync(FlatParameters parameters, ICollective collective)
{
    private readonly List<(long From, long To)> _begun = [];

    /// <summary>The gradients of these weights are complete.</summary>
    public void Complete(IReadOnlyList<TorchSharp.torch.Tensor> leaves)
    {
        if (!collective.Overlaps) return;
        foreach (var range in Merged(leaves.Select(parameters.RangeOf)))
        {
            Begin(range);
            _begun.Add(range);
        }
    }

    /// <summary>All gradients are complete: sums the rest, and has later work wait for everything.</summary>
    public void Finish()
    {
        var at = 0L;
        foreach (var (from, to) in Merged(_begun).Append((parameters.Size, parameters.Size)))
        {
            if (from > at) Begin((at, from));
            at = to;
        }

        _begun.Clear();
        collective.Join();
    }

    /// <summary>The same values as few ranges, in order.</summary>
    public static IReadOnlyList<(long From, long To)> Merged(IEnumerable<(long From, long To)> ranges)
    {
        var merged = new List<(long From, long To)>();
        foreach (var (from, to) in ranges.OrderBy(r => r.From))
        {
            if (merged is [.., var last] && last.To == from) merged[^1] = (last.From, to);
            else merged.Add((from, to));
        }

        return merged;
    }

    private void Begin((long From, long To) range)
    {
        using var part = parameters.Gradient!.narrow(0, range.From, range.To - range.From);
        collective.BeginAllReduce(part);
    }
}
