namespace Dtt.Data.Tokenizers;

/// <summary>Pairs by their counts, the most frequent first and then by their ids: a heap of four children a node.</summary>
internal sealed class PairHeap
{
    private Entry[] _entries = new Entry[1 << 12];
    private int _count;

    /// <summary>Adds an entry.</summary>
    public void Enqueue(Entry entry)
    {
        if (_count == _entries.Length) Array.Resize(ref _entries, _count * 2);
        var at = _count++;
        while (at > 0 && entry.IsBefore(_entries[(at - 1) >> 2]))
        {
            _entries[at] = _entries[(at - 1) >> 2];
            at = (at - 1) >> 2;
        }

        _entries[at] = entry;
    }

    /// <summary>Removes the first entry; false when there is none.</summary>
    public bool TryDequeue(out Entry first)
    {
        first = _entries[0];
        if (_count == 0) return false;
        var last = _entries[--_count];
        for (var at = 0; ;)
        {
            var best = (at << 2) + 1;
            if (best >= _count)
            {
                _entries[at] = last;
                return true;
            }

            var end = Math.Min(best + 4, _count);
            for (var child = best + 1; child < end; child++)
            {
                if (_entries[child].IsBefore(_entries[best])) best = child;
            }

            if (!_entries[best].IsBefore(last))
            {
                _entries[at] = last;
                return true;
            }

            _entries[at] = _entries[best];
            at = best;
        }
    }

    /// <summary>A pair that had this count when it was queued.</summary>
    /// <param name="Count">The count.</param>
    /// <param name="Key">The left id, and below it the right one.</param>
    /// <param name="Pair">The pair's number.</param>
    public readonly record struct Entry(long Count, ulong Key, int Pair)
    {
        /// <summary>Whether this one comes first.</summary>
        public bool IsBefore(in Entry other) => Count > other.Count || (Count == other.Count && Key < other.Key);
    }
}
