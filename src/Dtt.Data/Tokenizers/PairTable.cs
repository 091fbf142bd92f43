namespace Dtt.Data.Tokenizers;

/// <summary>The merges for encoding: (left id, right id) → merged id, by open addressing.</summary>
internal sealed class PairTable
{
    private readonly ulong[] _keys;
    private readonly int[] _ids;
    private readonly int _mask;

    public PairTable(int count)
    {
        var size = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, count * 2 + 1));
        (_keys, _ids, _mask) = (new ulong[size], new int[size], size - 1);
        Array.Fill(_keys, ulong.MaxValue);
    }

    public void Add(int left, int right, int id)
    {
        var key = Key(left, right);
        var slot = Slot(key);
        while (_keys[slot] != ulong.MaxValue && _keys[slot] != key) slot = (slot + 1) & _mask;
        if (_keys[slot] == key) return; // of two merges of one pair the first one counts
        (_keys[slot], _ids[slot]) = (key, id);
    }

    /// <summary>The merged id, or <see cref="int.MaxValue"/> when the pair does not merge.</summary>
    public int Find(int left, int right)
    {
        var key = Key(left, right);
        for (var slot = Slot(key); ; slot = (slot + 1) & _mask)
        {
            if (_keys[slot] == key) return _ids[slot];
            if (_keys[slot] == ulong.MaxValue) return int.MaxValue;
        }
    }

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private int Slot(ulong key) => (int)((key * 0x9E3779B97F4A7C15) >> 33) & _mask;
}
