namespace Dtt.Data.Order;

/// <summary>
/// The windows of a split in canonical order: T + 1 tokens each (inputs and targets), starting every T − overlap tokens, never across a shard.
/// </summary>
public sealed class WindowIndex
{
    private readonly long[] _firstWindow;

    /// <summary>The windows of shards of the given lengths.</summary>
    /// <param name="shardTokens">Tokens of each shard, in order.</param>
    /// <param name="contextLength">T.</param>
    /// <param name="overlap">Tokens that neighbours share, below T.</param>
    public WindowIndex(IReadOnlyList<long> shardTokens, int contextLength, int overlap)
    {
        (ContextLength, Stride) = (contextLength, contextLength - overlap);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Stride);
        _firstWindow = new long[shardTokens.Count + 1];
        for (var s = 0; s < shardTokens.Count; s++)
        {
            var windows = shardTokens[s] < contextLength + 1 ? 0 : (shardTokens[s] - contextLength - 1) / Stride + 1;
            _firstWindow[s + 1] = _firstWindow[s] + windows;
            Tokens += shardTokens[s];
            Unreached += shardTokens[s] - (windows == 0 ? 0 : (windows - 1) * Stride + contextLength + 1);
        }
    }

    /// <summary>Number of windows, N.</summary>
    public long Count => _firstWindow[^1];

    /// <summary>Tokens of all shards.</summary>
    public long Tokens { get; }

    /// <summary>Tokens that are in no window: the ends of shards, where no whole window is left.</summary>
    public long Unreached { get; }

    /// <summary><see cref="Unreached"/> in words.</summary>
    public string UnreachedInWords => $"{Unreached:N0} of {Tokens:N0} ({100.0 * Unreached / Math.Max(1, Tokens):0.##} %), at the ends of shards";

    /// <summary>T.</summary>
    public int ContextLength { get; }

    /// <summary>Tokens from one window's start to the next.</summary>
    public int Stride { get; }

    /// <summary>The shard and the first token of a window.</summary>
    public (int Shard, long Offset) Locate(long window)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(window);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(window, Count);
        var found = Array.BinarySearch(_firstWindow, window);
        var shard = found >= 0 ? found : ~found - 1;
        while (_firstWindow[shard + 1] == window) shard++; // shards without a window start where the next one does
        return (shard, (window - _firstWindow[shard]) * Stride);
    }
}
