using Dtt.Abstractions;

namespace Dtt.Grains.Datasets;

/// <summary>What each node did in the stage of a dataset that goes on, or last went, by pieces. In memory only.</summary>
public sealed class NodeShares
{
    private readonly SortedDictionary<string, (int Pieces, long Tokens, DateTimeOffset From, DateTimeOffset To)> _shares = new(StringComparer.Ordinal);

    private readonly SortedDictionary<string, Underway> _underway = new(StringComparer.Ordinal);

    /// <summary>How far all nodes are with what they have not finished.</summary>
    public Underway Underway => new(_underway.Values.Sum(u => u.Bytes), _underway.Values.Select(u => u.Remark).FirstOrDefault(r => r is not null));

    /// <summary>Another stage begins.</summary>
    public void Clear()
    {
        _shares.Clear();
        _underway.Clear();
    }

    /// <summary>How far a node is with what it has not finished; whether that is news.</summary>
    public bool Set(string node, Underway underway)
    {
        var isNews = _underway.GetValueOrDefault(node, Underway.None) != underway;
        if (underway == Underway.None) _underway.Remove(node);
        else _underway[node] = underway;
        return isNews;
    }

    /// <summary>A node gets work.</summary>
    public void Begin(string node, DateTimeOffset now) => _shares.TryAdd(node, (0, 0, now, now));

    /// <summary>A node finished pieces.</summary>
    public void Add(string node, IEnumerable<WorkDone> done, DateTimeOffset now)
    {
        foreach (var piece in done.Where(d => d.Item.Piece >= 0 && d.Error is null))
        {
            var share = _shares.GetValueOrDefault(node, (0, 0, now, now));
            _shares[node] = (share.Pieces + 1, share.Tokens + piece.Tokens, share.From, now);
        }
    }

    /// <summary>The nodes that finished any, by name.</summary>
    public IReadOnlyList<NodeShare> List() =>
    [
        .. _shares.Where(s => s.Value.Pieces > 0).Select(s => new NodeShare(
            s.Key, s.Value.Pieces, s.Value.Tokens, s.Value.To > s.Value.From ? s.Value.Tokens / (s.Value.To - s.Value.From).TotalSeconds : 0)),
    ];
}
