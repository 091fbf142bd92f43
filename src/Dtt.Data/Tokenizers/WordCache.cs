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
    /// <param name="text">The text from where the word begins.</param>
    /// <param name="length">The word's bytes.</param>
    /// <param name="key">The word.</param>
    /// <param name="ids">Its ids.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryFind(ReadOnlySpan<byte> text, int length, out Key key, out ReadOnlySpan<int> ids)
    {
        key = text.Length >= MaxBytes ? Key.Of(text, length) : Key.OfEnd(text[..length]);
        ref var entry = ref _entries[key.Slot];
        var hit = entry.Key == key && entry.Length == length;
        ids = hit ? MemoryMarshal.CreateReadOnlySpan(ref Unsafe.As<IdBlock, int>(ref entry.Ids), entry.Count) : default;
        return hit;
    }

    public void Store(Key key, int length, ReadOnlySpan<int> ids)
    {
        if (ids.Length > MaxIds) return;
        ref var entry = ref _entries[key.Slot];
        (entry.Key, entry.Length, entry.Count) = (key, (byte)length, (byte)ids.Length);
        ids.CopyTo(entry.Ids);
    }

    /// <summary>A word's bytes as two numbers, with zeros behind them.</summary>
    internal readonly record struct Key(ulong Low, ulong High)
    {
        public int Slot => (int)(((Low ^ System.Numerics.BitOperations.RotateLeft(High * 0xD6E8FEB86659FD93, 32)) * 0x9E3779B97F4A7C15) >> 49);

        /// <summary>Where 16 bytes can be read.</summary>
        public static Key Of(ReadOnlySpan<byte> text, int length)
        {
            ref var start = ref MemoryMarshal.GetReference(text);
            var low = Unsafe.ReadUnaligned<ulong>(ref start);
            if (length <= 8) return new Key(low & (ulong.MaxValue >> (64 - (8 * length))), 0);
            var high = Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref start, 8));
            return new Key(low, high & (ulong.MaxValue >> (128 - (8 * length))));
        }

        /// <summary>At the end of a text.</summary>
        public static Key OfEnd(ReadOnlySpan<byte> word)
        {
            Span<byte> padded = stackalloc byte[MaxBytes];
            padded.Clear();
            word.CopyTo(padded);
            return Of(padded, word.Length);
        }
    }

    private struct Entry
    {
        public Key Key;
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
