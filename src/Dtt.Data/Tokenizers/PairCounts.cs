using System.Runtime.InteropServices;

namespace Dtt.Data.Tokenizers;

/// <summary>How often each pair of ids occurs, in which words, and which pair is the most frequent.</summary>
internal sealed class PairCounts
{
    private readonly Dictionary<(int Left, int Right), Pair> _pairs = [];
    private readonly HashSet<(int Left, int Right)> _changed = [];

    // Entries are not removed when a count changes: a stale one is put back with its true count when it comes up.
    private readonly PriorityQueue<(int Left, int Right), (long Count, int Left, int Right)> _queue = new();

    /// <summary>Adds to a pair's count; a pair that grows is remembered to occur in the word at <paramref name="place"/>.</summary>
    public void Change(int left, int right, long delta, int place)
    {
        ref var pair = ref CollectionsMarshal.GetValueRefOrAddDefault(_pairs, (left, right), out _);
        pair ??= new Pair();
        pair.Count += delta;
        if (delta <= 0) return;
        if (pair.Places.Count == 0 || pair.Places[^1] != place) pair.Places.Add(place);
        _changed.Add((left, right));
    }

    public void QueueAll()
    {
        foreach (var pair in _pairs.Keys) Queue(pair);
        _changed.Clear();
    }

    public void QueueChanged()
    {
        foreach (var pair in _changed) Queue(pair);
        _changed.Clear();
    }

    /// <summary>Removes the most frequent pair and gives the words that may hold it; false when no pair is left.</summary>
    public bool TryDequeueBest(out int left, out int right, out IEnumerable<int> places)
    {
        while (_queue.TryDequeue(out var pair, out var priority))
        {
            if (!_pairs.TryGetValue(pair, out var entry)) continue;
            if (entry.Count <= 0) continue;
            if (entry.Count != -priority.Count)
            {
                Queue(pair);
                continue;
            }

            _pairs.Remove(pair);
            (left, right) = pair;
            places = entry.Places.Distinct();
            return true;
        }

        (left, right, places) = (0, 0, []);
        return false;
    }

    private void Queue((int Left, int Right) pair) => _queue.Enqueue(pair, (-_pairs[pair].Count, pair.Left, pair.Right));

    private sealed class Pair
    {
        public long Count { get; set; }
        public List<int> Places { get; } = [];
    }
}
