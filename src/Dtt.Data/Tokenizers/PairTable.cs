namespace Dtt.Data.Tokenizers;

/// <summary>The merges for encoding: (left id, right id) → rank of the merge, by open addressing.</summary>
internal sealed class PairTable
{
    private readonly Entry[] _entries;
    private readonly int[] _ids;
    private readonly int _mask;

    public PairTable(IReadOnlyList<(int Left, int Right, int Id)> merges)
    {
        var size = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, merges.Count * 2 + 1));
        (_entries, _ids, _mask) = (new Entry[size], new int[merges.Count], size - 1);
        Array.Fill(_entries, new Entry(ulong.MaxValue, int.MaxValue));
        for (var rank = 0; rank < merges.Count; rank++)
        {
            var (left, right, id) = merges[rank];
            _ids[rank] = id;
            ref var slot = ref Find(Key(left, right));
            if (slot.Key == ulong.MaxValue) slot = new Entry(Key(left, right), rank); // of two merges of one pair the first one counts
        }
    }

    /// <summary>The merge's rank, the smallest of which goes first, or <see cref="int.MaxValue"/> when the pair does not merge.</summary>
    public int Rank(int left, int right) => Find(Key(left, right)).Rank;

    /// <summary>What a merge of that rank makes.</summary>
    public int IdOf(int rank) => _ids[rank];

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private ref Entry Find(ulong key)
    {
        var slot = (int)((key * 0x9E3779B97F4A7C15) >> 33) & _mask;
        while (_entries[slot].Key != key && _entries[slot].Key != ulong.MaxValue) slot = (slot + 1) & _mask;
        return ref _entries[slot];
    }

    private readonly record struct Entry(ulong Key, int Rank);
}
