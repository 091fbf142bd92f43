using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Dtt.Data.Tokenizers;

/// <summary>Remembers the ids of words of up to 16 bytes and 8 ids in a direct-mapped table: most words of a text are found here.</summary>
internal sealed class WordCache
{
    public const int MaxBytes = 16;
    private const int MaxIds = 8;
    private const int Slots = 1 << 15;
    private readonly Entry[] _entries = new Entry[Slots];

    /// <summary>Finds a word of 1–16 bytes; <paramref name="key"/> is for <see cref="Store"/> when it is not there.</summary>
    public bool TryFind(ReadOnlySpan<byte> word, out UInt128 key, out ReadOnlySpan<int> ids)
    {
        Span<byte> padded = stackalloc byte[MaxBytes];
        padded.Clear();
        word.CopyTo(padded);
        key = MemoryMarshal.Read<UInt128>(padded);
        ref var entry = ref _entries[SlotOf(key)];
        var hit = entry.Length == word.Length && entry.Key == key;
        ids = hit ? ((ReadOnlySpan<int>)entry.Ids)[..entry.Count] : default;
        return hit;
    }

    public void Store(UInt128 key, int length, ReadOnlySpan<int> ids)
    {
        if (ids.Length > MaxIds) return;
        ref var entry = ref _entries[SlotOf(key)];
        (entry.Key, entry.Length, entry.Count) = (key, (byte)length, (byte)ids.Length);
        ids.CopyTo(entry.Ids);
    }

    private static int SlotOf(UInt128 key)
    {
        var mixed = ((ulong)key ^ Scramble((ulong)(key >> 64))) * 0x9E3779B97F4A7C15;
        return (int)(mixed >> 49);
    }

    private static ulong Scramble(ulong high) => System.Numerics.BitOperations.RotateLeft(high * 0xD6E8FEB86659FD93, 32);

    private struct Entry
    {
        public UInt128 Key;
        public byte Length;
        public byte Count;
        public IdBlock Ids;
    }

    [InlineArray(MaxIds)]
    private struct IdBlock
    {
        private int _first;
    }
}
