using static TorchSharp.torch;

namespace Dtt.Training.Collectives;

/// <summary>
/// What the ranks of an attempt do together. Every rank calls the same operations in the same order with tensors of the same size; sums have one order for one
/// world size.
/// </summary>
internal interface ICollective : IDisposable
{
    /// <summary>This rank, 0 … <see cref="WorldSize"/> − 1.</summary>
    int Rank { get; }

    /// <summary>Ranks of the attempt.</summary>
    int WorldSize { get; }

    /// <summary>(n) fp32: every rank gets the sum of all.</summary>
    /// <exception cref="PeerLostException">A peer disappeared, or did not come in time.</exception>
    void AllReduce(Tensor values);

    /// <summary>Whether <see cref="BeginAllReduce"/> returns before the sum is there, and goes on beside later work.</summary>
    bool Overlaps { get; }

    /// <summary>An <see cref="AllReduce"/> whose values may be used, or changed, after <see cref="Join"/>.</summary>
    /// <exception cref="PeerLostException">A peer disappeared, or did not come in time.</exception>
    void BeginAllReduce(Tensor values);

    /// <summary>What follows sees the results of all that was begun.</summary>
    /// <exception cref="PeerLostException">A peer disappeared, or did not come in time.</exception>
    void Join();

    /// <summary>Throws when a peer is known to be gone: results since then are worth nothing.</summary>
    /// <exception cref="PeerLostException">It is.</exception>
    void ThrowIfBroken();

    /// <summary>(n) fp32: every rank gets the sum of its own share; the rest is undefined afterwards.</summary>
    /// <param name="values">The values.</param>
    /// <param name="cuts">Where the shares begin and end: rank r has [cuts[r], cuts[r + 1]), such as <see cref="EvenCuts"/>.</param>
    /// <exception cref="PeerLostException">A peer disappeared, or did not come in time.</exception>
    void ReduceScatter(Tensor values, IReadOnlyList<long> cuts);

    /// <summary>(n) fp32: every rank gets all shares, each from the rank whose it is.</summary>
    /// <param name="values">The values.</param>
    /// <param name="cuts">As in <see cref="ReduceScatter"/>.</param>
    /// <exception cref="PeerLostException">A peer disappeared, or did not come in time.</exception>
    void AllGather(Tensor values, IReadOnlyList<long> cuts);

    /// <summary>(n) fp32: every rank gets the root's values.</summary>
    /// <exception cref="PeerLostException">A peer disappeared, or did not come in time.</exception>
    void Broadcast(Tensor values, int root);

    /// <summary>Returns when every rank is here.</summary>
    /// <exception cref="PeerLostException">A peer disappeared, or did not come in time.</exception>
    void Barrier();

    /// <summary>
    /// This rank's work is done and it leaves in order; disposing without it aborts at once, for a peer that still waits would never come.
    /// </summary>
    void Complete() { }

    /// <summary>Where nearly equal shares of n values begin and end, at multiples of 64 values.</summary>
    static long[] EvenCuts(long count, int worldSize)
    {
        const long align = 64;
        return [.. Enumerable.Range(0, worldSize).Select(r => count / worldSize * r / align * align), count];
    }
}
