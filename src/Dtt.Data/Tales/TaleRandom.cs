using Dtt.Data.Order;

namespace Dtt.Data.Tales;

/// <summary>Random choices for one tale: SplitMix64, the same on every machine.</summary>
internal sealed class TaleRandom(ulong seed)
{
    private ulong _state = seed;

    /// <summary>A number from 0 to below <paramref name="limit"/>.</summary>
    public int Below(int limit) => (int)((UInt128)Mixing.Mix(_state += 0x9E3779B97F4A7C15) * (uint)limit >> 64);
}
