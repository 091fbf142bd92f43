namespace Dtt.Core.Runs;

/// <summary>
/// The positions of the data order that a run trains on: all but those that it leaves out. The windows of a run are counted from 0; window i has the i-th
/// position that is not left out, so step k still has the windows [kG, (k + 1)G), and the step alone says where the data go on. A stretch that is left out
/// later than this moves no window before it.
/// </summary>
public sealed class PositionMap
{
    private readonly List<PositionGap> _gaps = [];

    /// <summary>The order without some stretches, which may touch and overlap.</summary>
    /// <param name="leftOut">What is left out; null: nothing.</param>
    public PositionMap(IEnumerable<LeftOutWindows>? leftOut)
    {
        foreach (var (from, to) in (leftOut ?? []).Select(l => (l.From, l.To)).Order())
        {
            if (_gaps.Count > 0 && from <= _gaps[^1].To) _gaps[^1] = _gaps[^1] with { To = Math.Max(to, _gaps[^1].To) };
            else _gaps.Add(new PositionGap(from, to));
        }
    }

    /// <summary>What is left out, in order, no two stretches touching.</summary>
    public IReadOnlyList<PositionGap> Gaps => _gaps;

    /// <summary>The position of a run's window.</summary>
    /// <param name="window">Windows trained before it.</param>
    public long PositionOf(long window)
    {
        foreach (var (from, to) in _gaps)
        {
            if (window < from) break;
            window += to - from;
        }

        return window;
    }

    /// <summary>How many of a run's windows are before a position: what <see cref="PositionOf"/> goes back by.</summary>
    public long WindowsBefore(long position) => position - Before(_gaps, position).Sum(g => g.To - g.From);

    /// <summary>What of stretches lies before a position.</summary>
    public static IEnumerable<PositionGap> Before(IEnumerable<PositionGap> gaps, long position) =>
        gaps.Where(g => g.From < position).Select(g => g with { To = Math.Min(g.To, position) });
}

/// <summary>A stretch of positions.</summary>
/// <param name="From">The first.</param>
/// <param name="To">The one behind the last.</param>
public readonly record struct PositionGap(long From, long To);
