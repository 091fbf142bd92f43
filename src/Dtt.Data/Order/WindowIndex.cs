using Dtt.Core.Configuration;
using Dtt.Data.Tokens;

namespace Dtt.Data.Order;

/// <summary>
/// The windows of a split in canonical order: T + 1 tokens each (inputs and targets), never across a shard, starting every T − overlap tokens or where
/// documents do.
/// </summary>
public sealed class WindowIndex
{
    private const long AliveTokens = 1 << 20;

    private readonly long[] _firstWindow;
    private readonly long[]? _starts;   // of every window within its shard; null: multiples of the stride

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
            Add(s, shardTokens[s], windows, (windows - 1) * Stride);
        }
    }

    private WindowIndex(IReadOnlyList<long> shardTokens, int contextLength, IReadOnlyList<IReadOnlyList<long>> starts)
    {
        (ContextLength, Stride) = (contextLength, contextLength);
        _firstWindow = new long[shardTokens.Count + 1];
        _starts = [.. starts.SelectMany(shard => shard)];
        for (var s = 0; s < shardTokens.Count; s++)
        {
            Add(s, shardTokens[s], starts[s].Count, starts[s].LastOrDefault());
            for (var w = 1; w < starts[s].Count; w++) Repeated += starts[s][w - 1] + contextLength - starts[s][w];
        }
    }

    /// <summary>A run's training windows.</summary>
    /// <param name="config">Whether they begin with documents, and their overlap.</param>
    /// <param name="shards">The training shards.</param>
    /// <param name="endOfText">The id of <c>&lt;|endoftext|&gt;</c>.</param>
    /// <param name="alive">Called while shards are read, one call at a time; null: nobody is.</param>
    public static WindowIndex Of(RunConfig config, TokenShards shards, int endOfText, Action? alive = null) => config.WindowsBeginWithDocuments
        ? AtDocuments(shards, config.Model.ContextLength, endOfText, alive)
        : new WindowIndex(shards.Lengths, config.Model.ContextLength, config.Overlap);

    /// <summary>
    /// Windows that begin with documents, that is with the end-of-text before their text. A window's last document begins again in the next one, so that none
    /// is torn that fits into a window; one that fills a window goes on in the next. One number a window is kept, and all shards are read once.
    /// </summary>
    public static WindowIndex AtDocuments(TokenShards shards, int contextLength, int endOfText, Action? alive = null)
    {
        var (starts, calling) = (new List<long>[shards.Lengths.Count], new Lock());
        Parallel.For(0, starts.Length, shard =>
        {
            var (found, next) = (starts[shard] = [], AliveTokens);
            for (var at = 0L; at + contextLength + 1 <= shards.Lengths[shard];)
            {
                found.Add(at);
                at = shards.LastIndexOf(shard, at + 1, at + 1 + contextLength, endOfText) ?? at + contextLength;
                if (at < next) continue;
                next = at + AliveTokens;
                Say();
            }

            Say();
        });
        return new WindowIndex(shards.Lengths, contextLength, starts);

        void Say()
        {
            lock (calling) alive?.Invoke();
        }
    }

    /// <summary>Number of windows, N.</summary>
    public long Count => _firstWindow[^1];

    /// <summary>Tokens of all shards.</summary>
    public long Tokens { get; private set; }

    /// <summary>Tokens that are in no window: the ends of shards, where no whole window is left.</summary>
    public long Unreached { get; private set; }

    /// <summary>Tokens that two windows have, because a document begins again.</summary>
    public long Repeated { get; }

    /// <summary><see cref="Unreached"/> and <see cref="Repeated"/> in words.</summary>
    public string UnreachedInWords =>
        $"{Share(Unreached)}, at the ends of shards{(_starts is null ? "" : $"; in two windows: {Share(Repeated)}, of documents that begin again")}";

    /// <summary>T.</summary>
    public int ContextLength { get; }

    /// <summary>Tokens from one window's start to the next; at most, where windows begin with documents.</summary>
    public int Stride { get; }

    /// <summary>The shard and the first token of a window.</summary>
    public (int Shard, long Offset) Locate(long window)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(window);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(window, Count);
        var found = Array.BinarySearch(_firstWindow, window);
        var shard = found >= 0 ? found : ~found - 1;
        while (_firstWindow[shard + 1] == window) shard++; // shards without a window start where the next one does
        return (shard, _starts?[window] ?? (window - _firstWindow[shard]) * Stride);
    }

    private void Add(int shard, long tokens, long windows, long last)
    {
        _firstWindow[shard + 1] = _firstWindow[shard] + windows;
        Tokens += tokens;
        Unreached += tokens - (windows == 0 ? 0 : last + ContextLength + 1);
    }

    private string Share(long tokens) => $"{tokens:N0} of {Tokens:N0} ({100.0 * tokens / Math.Max(1, Tokens):0.##} %)";
}
