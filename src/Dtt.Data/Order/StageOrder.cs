namespace Dtt.Data.Order;

/// <summary>
/// How one stage of a mixture deals its positions to datasets, as counts: how many of the first p positions are of each. At the end of every period each count
/// is within one window of its exact share, and is that share where this is a whole number; within a period the datasets alternate as evenly as whole windows
/// allow. Computed per position from the shares alone.
/// </summary>
internal sealed class StageOrder
{
    /// <summary>Windows of a period, unless a dataset has less than one window in so many.</summary>
    public const long Period = 10_000;

    private readonly IReadOnlyList<long> _shares;
    private readonly int[] _order; // the largest share first: the others then fall into what it leaves with the least deviation
    private readonly Int128 _sum;
    private readonly long _period, _lastPeriod;

    /// <param name="shares">The part of each dataset, by their ratio; 0: none.</param>
    /// <param name="windows">The stage's length; null: it does not end.</param>
    public StageOrder(IReadOnlyList<long> shares, long? windows)
    {
        (_shares, _order) = (shares, [.. Enumerable.Range(0, shares.Count).OrderByDescending(i => shares[i])]);
        foreach (var share in shares) _sum += share;
        // Counts between neighbouring boundaries never fall where each dataset has a window at least in a period.
        var least = shares.Where(s => s > 0).Min();
        _period = Period * (long)((_sum + (Int128)Period * least - 1) / ((Int128)Period * least));
        _lastPeriod = windows is { } length ? Math.Max(0, length / _period - 1) : long.MaxValue; // it takes what is left after it along
        Windows = windows;
    }

    /// <summary>The stage's length, or null.</summary>
    public long? Windows { get; }

    /// <summary>Adds the windows of each dataset among the first positions.</summary>
    public void Count(long positions, Span<long> counts)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(positions, Windows ?? long.MaxValue);
        var period = Math.Min(positions / _period, _lastPeriod);
        var start = period * _period;
        var end = period == _lastPeriod ? Windows!.Value : start + _period;

        // One dataset after the other takes its windows of the period, evenly spread over those that are left.
        var (at, left) = (positions - start, end - start);
        Int128 below = 0;
        foreach (var i in _order)
        {
            var before = Boundary(below + _shares[i], start) - Boundary(below, start);
            var all = Boundary(below + _shares[i], end) - Boundary(below, end) - before;
            below += _shares[i];
            var drawn = all == 0 ? 0 : Nearest(at, all, left);
            counts[i] += before + drawn;
            (at, left) = (at - drawn, left - all);
        }
    }

    /// <summary>Windows of the first datasets, whose shares make up <paramref name="below"/>, among the first positions.</summary>
    private long Boundary(Int128 below, long positions) => Nearest(positions, below, _sum);

    /// <summary>a · b ÷ c to the nearest whole number, a half upwards.</summary>
    private static long Nearest(long a, Int128 b, Int128 c) => (long)((2 * a * b + c) / (2 * c));
}
