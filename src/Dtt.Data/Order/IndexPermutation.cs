using System.Numerics;

namespace Dtt.Data.Order;

/// <summary>
/// A random-looking bijection of 0 … n−1, computed per index without a table: a four-round Feistel network over the next even number of bits,
/// walked until it falls inside (Black and Rogaway 2002, "Ciphers with arbitrary finite domains").
/// </summary>
public readonly struct IndexPermutation
{
    private const int Rounds = 4;
    private readonly ulong _count, _key, _halfMask;
    private readonly int _halfBits;

    /// <summary>The bijection of <paramref name="count"/> indices that <paramref name="key"/> names.</summary>
    public IndexPermutation(long count, ulong key)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        (_count, _key) = ((ulong)count, key);
        _halfBits = (64 - BitOperations.LeadingZeroCount(_count) + 1) / 2;
        _halfMask = (1UL << _halfBits) - 1;
    }

    /// <summary>Where an index goes: fewer than four walks on average.</summary>
    public long Map(long index)
    {
        Check(index);
        var x = (ulong)index;
        do
        {
            var (left, right) = (x >> _halfBits, x & _halfMask);
            for (var round = 0; round < Rounds; round++) (left, right) = (right, left ^ Scramble(right, round));
            x = (left << _halfBits) | right;
        }
        while (x >= _count);

        return (long)x;
    }

    /// <summary>Where an index comes from: the inverse of <see cref="Map"/>.</summary>
    public long Unmap(long index)
    {
        Check(index);
        var x = (ulong)index;
        do
        {
            var (left, right) = (x >> _halfBits, x & _halfMask);
            for (var round = Rounds - 1; round >= 0; round--) (left, right) = (right ^ Scramble(left, round), left);
            x = (left << _halfBits) | right;
        }
        while (x >= _count);

        return (long)x;
    }

    private ulong Scramble(ulong half, int round) => Mixing.Mix(half ^ Mixing.Mix(_key + (ulong)round)) & _halfMask;

    private void Check(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)index, _count);
    }
}
