namespace Dtt.Data.Order;

/// <summary>A bijective scrambling of 64 bits (the finalizer of SplitMix64: Steele, Lea and Flood 2014) and seeds made with it.</summary>
public static class Mixing
{
    /// <summary>Scrambles 64 bits; equal in, equal out, on every machine.</summary>
    public static ulong Mix(ulong x)
    {
        x += 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    /// <summary>A seed for one stream of random numbers, from everything that names it: (seed, purpose, step, micro-batch, …).</summary>
    public static ulong Seed(params ReadOnlySpan<long> parts)
    {
        var seed = 0UL;
        foreach (var part in parts) seed = Mix(seed ^ Mix((ulong)part));
        return seed;
    }
}
