using System.IO.MemoryMappedFiles;
using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Data.Tokens;

/// <summary>The shards of one split, memory-mapped, with no file kept open: any stretch of tokens of one shard can be read.</summary>
public sealed unsafe class TokenShards : IDisposable
{
    private const int AtOnce = 1 << 30; // tokens of a shard that one span takes

    private readonly List<(MemoryMappedViewAccessor View, nint Tokens)> _maps = [];
    private readonly List<long> _lengths = [];

    private TokenShards(int tokenBytes) => TokenBytes = tokenBytes;

    /// <summary>Tokens of each shard, in canonical order.</summary>
    public IReadOnlyList<long> Lengths => _lengths;

    /// <summary>Bytes per token: 2 or 4.</summary>
    public int TokenBytes { get; }

    /// <summary>Opens a split's shards and checks each file's header and size.</summary>
    /// <exception cref="BadDataException">A shard is missing, damaged or not the one in the index.</exception>
    public static TokenShards Open(string folder, TokenIndex index, string split)
    {
        var shards = new TokenShards(ShardHeader.TokenBytes(index.Source.VocabSize));
        try
        {
            foreach (var shard in index.Shards.Where(s => s.Split == split)) shards.Map(folder, shard);
            return shards;
        }
        catch
        {
            shards.Dispose();
            throw;
        }
    }

    /// <summary>Copies tokens of one shard.</summary>
    /// <param name="shard">Which shard.</param>
    /// <param name="offset">First token.</param>
    /// <param name="tokens">Where they go; its length says how many.</param>
    public void Read(int shard, long offset, Span<long> tokens)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + tokens.Length, _lengths[shard]);
        if (TokenBytes == 2)
        {
            var source = new ReadOnlySpan<ushort>((ushort*)_maps[shard].Tokens + offset, tokens.Length);
            for (var i = 0; i < source.Length; i++) tokens[i] = source[i];
        }
        else
        {
            var source = new ReadOnlySpan<int>((int*)_maps[shard].Tokens + offset, tokens.Length);
            for (var i = 0; i < source.Length; i++) tokens[i] = source[i];
        }
    }

    /// <summary>Where an id stands last in a stretch of one shard; null: nowhere.</summary>
    /// <param name="shard">Which shard.</param>
    /// <param name="from">First token.</param>
    /// <param name="to">The one behind the last.</param>
    /// <param name="id">The id.</param>
    public long? LastIndexOf(int shard, long from, long to, int id)
    {
        for (long end = to, start; end > from; end = start)
        {
            start = Math.Max(from, end - AtOnce);
            var found = TokenBytes == 2 ? Stretch<ushort>(shard, start, end).LastIndexOf((ushort)id) : Stretch<int>(shard, start, end).LastIndexOf(id);
            if (found >= 0) return start + found;
        }

        return null;
    }

    /// <summary>How often an id stands in a stretch of one shard.</summary>
    /// <param name="shard">Which shard.</param>
    /// <param name="from">First token.</param>
    /// <param name="to">The one behind the last.</param>
    /// <param name="id">The id.</param>
    public long Count(int shard, long from, long to, int id)
    {
        var count = 0L;
        for (long start = from, end; start < to; start = end)
        {
            end = Math.Min(to, start + AtOnce);
            count += TokenBytes == 2 ? Stretch<ushort>(shard, start, end).Count((ushort)id) : Stretch<int>(shard, start, end).Count(id);
        }

        return count;
    }

    /// <summary>Unmaps the files.</summary>
    public void Dispose()
    {
        foreach (var (view, _) in _maps)
        {
            view.SafeMemoryMappedViewHandle.ReleasePointer();
            view.Dispose();
        }

        _maps.Clear();
    }

    private ReadOnlySpan<T> Stretch<T>(int shard, long from, long to) where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(to, _lengths[shard]);
        return new ReadOnlySpan<T>((T*)_maps[shard].Tokens + from, checked((int)(to - from)));
    }

    private void Map(string folder, TokenShard shard)
    {
        var (path, remedy) = (Path.Combine(folder, shard.File), TokenIndex.Remedy(folder, shard));
        var (tokenBytes, tokens) = shard.HeaderBytes > 0 ? ShardHeader.Read(path, remedy)
            : (2, FileSystem.Target(path) is { Exists: true } file ? file.Length / 2 : 0);
        if (tokens != shard.Tokens || tokenBytes != TokenBytes)
        {
            throw new BadDataException($"{path} has {tokens:N0} tokens of {tokenBytes} bytes, but the index says {shard.Tokens:N0} of {TokenBytes}. "
                + remedy);
        }

        using var map = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        var view = map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        byte* start = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        _maps.Add((view, (nint)(start + view.PointerOffset + shard.HeaderBytes)));
        _lengths.Add(tokens);
    }
}
