namespace Dtt.Data.Tokenizers;

/// <summary>
/// How often each pair of ids occurs, in which words, and which pair is the most frequent: of equally frequent ones that with the smaller left id, then
/// the smaller right id. Pairs have numbers, by which everything lies in flat arrays.
/// </summary>
internal sealed class PairCounts
{
    private readonly PairHeap _queue = new();
    private ulong[] _keys = new ulong[1 << 16]; // by slot: left and right, one more than they are; 0: free
    private int[] _pairs = new int[1 << 16];    // by slot: the pair's number
    private ulong[] _keyOf = new ulong[1 << 15];
    private long[] _countOf = new long[1 << 15];
    private int[] _placesOf = new int[1 << 15]; // the first entry of the pair's list of words; 0: none
    private int _count;
    private (int Word, int Next)[] _places = new (int, int)[1 << 16];
    private int _placeCount = 1;
    private int _freePlace;
    private int _queued;

    /// <summary>Adds to a pair's count; a pair that grows is remembered to occur in the word at <paramref name="place"/>.</summary>
    public void Change(int left, int right, long delta, int place)
    {
        var pair = Find(left, right);
        _countOf[pair] += delta;
        if (delta <= 0 || (_placesOf[pair] is var first and > 0 && _places[first].Word == place)) return;
        _placesOf[pair] = NewPlace(place, _placesOf[pair]);
    }

    /// <summary>
    /// Queues the pairs that are new since the last time. Others only shrink: an entry whose count is no longer true is put back when it comes up.
    /// </summary>
    public void QueueNew()
    {
        for (; _queued < _count; _queued++) Queue(_queued);
    }

    /// <summary>Removes the most frequent pair and adds the words that may hold it to <paramref name="places"/>; false when no pair is left.</summary>
    public bool TryDequeueBest(out int left, out int right, List<int> places)
    {
        while (_queue.TryDequeue(out var entry))
        {
            if (_countOf[entry.Pair] != entry.Count)
            {
                Queue(entry.Pair);
                continue;
            }

            (left, right) = ((int)(entry.Key >> 32), (int)(uint)entry.Key);
            for (var place = _placesOf[entry.Pair]; place > 0;)
            {
                var next = _places[place].Next;
                places.Add(_places[place].Word);
                (_places[place].Next, _freePlace) = (_freePlace, place);
                place = next;
            }

            (_placesOf[entry.Pair], _countOf[entry.Pair]) = (0, 0);
            return true;
        }

        (left, right) = (0, 0);
        return false;
    }

    private void Queue(int pair)
    {
        if (_countOf[pair] > 0) _queue.Enqueue(new PairHeap.Entry(_countOf[pair], _keyOf[pair], pair));
    }

    private int NewPlace(int word, int next)
    {
        var place = _freePlace;
        if (place > 0)
        {
            _freePlace = _places[place].Next;
        }
        else
        {
            if (_placeCount == _places.Length) Array.Resize(ref _places, _placeCount * 2);
            place = _placeCount++;
        }

        _places[place] = (word, next);
        return place;
    }

    /// <summary>The pair's number, a new one where there is none.</summary>
    private int Find(int left, int right)
    {
        var key = ((ulong)(uint)left << 32) | (uint)right;
        for (var slot = SlotOf(key); ; slot = (slot + 1) & (_keys.Length - 1))
        {
            if (_keys[slot] == key + 1) return _pairs[slot];
            if (_keys[slot] == 0) return Add(key, slot);
        }
    }

    private int Add(ulong key, int slot)
    {
        if (_count == _keyOf.Length)
        {
            Array.Resize(ref _keyOf, _count * 2);
            Array.Resize(ref _countOf, _count * 2);
            Array.Resize(ref _placesOf, _count * 2);
            (_keys, _pairs) = (new ulong[_count * 4], new int[_count * 4]);
            for (var pair = 0; pair < _count; pair++) Put(_keyOf[pair], FreeSlot(_keyOf[pair]), pair);
            slot = FreeSlot(key);
        }

        Put(key, slot, _count);
        _keyOf[_count] = key;
        return _count++;
    }

    private void Put(ulong key, int slot, int pair) => (_keys[slot], _pairs[slot]) = (key + 1, pair);

    private int FreeSlot(ulong key)
    {
        var slot = SlotOf(key);
        while (_keys[slot] != 0) slot = (slot + 1) & (_keys.Length - 1);
        return slot;
    }

    private int SlotOf(ulong key) => (int)((key * 0x9E3779B97F4A7C15) >> 32) & (_keys.Length - 1);
}
