using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Dtt.Data.Tokenizers;

/// <summary>
/// Remembers the ids of words. Nearly all words of a text have up to 16 bytes and 3 ids: they lie in a table of pairs, the newer of a pair first, each
/// pair a cache line. Longer ones lie in a dictionary, which begins anew when it is full.
/// </summary>
internal sealed class WordCache
{
    /// <summary>Most bytes of a word that is remembered, so most ids.</summary>
    public const int MostIds = 128;

    private const int LongestShort = 16, IdsOfShort = 3;
    private const int Lines = 1 << 15, MaxLong = 1 << 14;
    private readonly Entry[] _short = GC.AllocateArray<Entry>(2 * (Lines + 1), pinned: true);
    private readonly nuint _aligned;
    private readonly Dictionary<byte[], int[]> _long = new(ByteArrayComparer.Instance);
    private readonly Dictionary<byte[], int[]>.AlternateLookup<ReadOnlySpan<byte>> _longLookup;

    public unsafe WordCache()
    {
        _longLookup = _long.GetAlternateLookup<ReadOnlySpan<byte>>();
        _aligned = (nuint)(-(nint)Unsafe.AsPointer(ref _short[0]) & 63);
    }

    /// <summary>Writes the ids of a word.</summary>
    /// <param name="text">The text from where the word begins.</param>
    /// <param name="length">The word's bytes.</param>
    /// <param name="ids">Takes them; at least <see cref="MostIds"/> long.</param>
    /// <returns>How many there are, 0: the word is not known.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Find(ReadOnlySpan<byte> text, int length, Span<int> ids)
    {
        if (length <= LongestShort)
        {
            var key = KeyOf(text, length);
            ref var first = ref LineOf(key);
            ref var second = ref Unsafe.Add(ref first, 1);
            if (!first.Is(key, length) && second.Is(key, length)) (first, second) = (second, first);
            if (first.Is(key, length))
            {
                first.Ids.CopyTo(ids);
                return first.Count;
            }
        }

        return FindLong(text, length, ids);
    }

    /// <summary>Remembers the ids of a word, unless it is too long.</summary>
    public void Store(ReadOnlySpan<byte> word, ReadOnlySpan<int> ids)
    {
        if (word.Length <= LongestShort && ids.Length <= IdsOfShort)
        {
            var key = KeyOf(word, word.Length);
            ref var first = ref LineOf(key);
            Unsafe.Add(ref first, 1) = first;
            first = new Entry(key, word.Length, ids);
        }
        else if (word.Length <= MostIds)
        {
            if (_long.Count == MaxLong) _long.Clear();
            _longLookup[word] = ids.ToArray();
        }
    }

    private int FindLong(ReadOnlySpan<byte> text, int length, Span<int> ids)
    {
        if (length > MostIds || !_longLookup.TryGetValue(text[..length], out var found)) return 0;
        found.CopyTo(ids);
        return found.Length;
    }

    /// <summary>A word's bytes with zeros behind them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> KeyOf(ReadOnlySpan<byte> text, int length)
    {
        if (text.Length < LongestShort) return KeyOfEnd(text[..length]);
        var word = Vector128.LessThan(Vector128<byte>.Indices, Vector128.Create((byte)length));
        return Vector128.LoadUnsafe(ref MemoryMarshal.GetReference(text)) & word;
    }

    private static Vector128<byte> KeyOfEnd(ReadOnlySpan<byte> word)
    {
        Span<byte> padded = stackalloc byte[LongestShort];
        padded.Clear();
        word.CopyTo(padded);
        return Vector128.Create(padded);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ref Entry LineOf(Vector128<byte> key)
    {
        var halves = key.AsUInt64();
        var mixed = (halves[0] ^ System.Numerics.BitOperations.RotateLeft(halves[1] * 0xD6E8FEB86659FD93, 32)) * 0x9E3779B97F4A7C15;
        return ref Unsafe.AddByteOffset(ref MemoryMarshal.GetArrayDataReference(_short), _aligned + ((nuint)(mixed >> 49) << 6));
    }

    /// <param name="Key">The word.</param>
    /// <param name="Ids">Its ids, and last its length and, above the lowest byte, their number.</param>
    private readonly record struct Entry(Vector128<byte> Key, Vector128<int> Ids)
    {
        public Entry(Vector128<byte> key, int length, ReadOnlySpan<int> ids)
            : this(key, Vector128.Create(ids[0], ids.Length > 1 ? ids[1] : 0, ids.Length > 2 ? ids[2] : 0, length | (ids.Length << 8)))
        {
        }

        public int Count => Ids[IdsOfShort] >> 8;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool Is(Vector128<byte> key, int length) => Key == key && (byte)Ids[IdsOfShort] == length;
    }
}
