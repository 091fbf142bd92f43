namespace Dtt.Data.Order;

/// <summary>
/// The order in which training sees the windows: position p is window π(seed, p div N)(p mod N). π shuffles blocks of about 64 MB, then the
/// windows within each few neighbouring blocks: nearly as good as a full shuffle, and reads stay local. A pure function: resuming needs one
/// integer and <see cref="Version"/>.
/// </summary>
public sealed class WindowOrder
{
    /// <summary>The order's version: it is stored with every checkpoint, and only equal versions give equal orders.</summary>
    public const int Version = 1;

    /// <summary>The version of the same order with positions that are left out: builds that know of none refuse it.</summary>
    public const int VersionWithGaps = 2;

    private const long BlockBytes = 64L << 20;
    private const int BlocksTogether = 8;
    private readonly long _seed, _block, _blocks, _lastBlock;

    /// <summary>The order of <paramref name="count"/> windows.</summary>
    /// <param name="count">N, at least 1.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="windowBytes">Bytes from one window's start to the next.</param>
    public WindowOrder(long count, long seed, long windowBytes) : this(count, seed, windowBytes, BlockBytes) { }

    internal WindowOrder(long count, long seed, long windowBytes, long blockBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        (Count, _seed) = (count, seed);
        _block = Math.Max(1, blockBytes / windowBytes);
        _blocks = (count + _block - 1) / _block;
        _lastBlock = count - (_blocks - 1) * _block;
    }

    /// <summary>Number of windows, N.</summary>
    public long Count { get; }

    /// <summary>The window at a position of the run.</summary>
    public long Window(long position)
    {
        var (epoch, index) = Math.DivRem(position, Count);
        var blocks = new IndexPermutation(_blocks, Mixing.Seed(_seed, Purpose.DataBlocks, epoch));

        // All blocks hold _block windows except the last one, which may be shorter and lands in some slot of the shuffled order.
        var shortSlot = SlotOfLastBlock(blocks);
        var group = SlotOf(index, shortSlot).Slot / BlocksTogether;
        var (first, end) = (group * BlocksTogether, Math.Min((group + 1) * BlocksTogether, _blocks));
        var (start, size) = (StartOf(first, shortSlot), StartOf(end, shortSlot) - StartOf(first, shortSlot));
        var within = new IndexPermutation(size, Mixing.Seed(_seed, Purpose.DataWindows, epoch, group));
        var (slot, offset) = SlotOf(start + within.Map(index - start), shortSlot);
        return blocks.Map(slot) * _block + offset;
    }

    private long SlotOfLastBlock(IndexPermutation blocks) => _lastBlock == _block ? _blocks : blocks.Unmap(_blocks - 1);

    /// <summary>The first position of a slot.</summary>
    private long StartOf(long slot, long shortSlot) => slot * _block - (slot > shortSlot ? _block - _lastBlock : 0);

    private (long Slot, long Offset) SlotOf(long index, long shortSlot)
    {
        var slot = index / _block;
        if (slot >= shortSlot && index >= StartOf(shortSlot, shortSlot) + _lastBlock) slot = (index + _block - _lastBlock) / _block;
        return (slot, index - StartOf(slot, shortSlot));
    }
}
