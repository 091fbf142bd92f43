using Dtt.Core.Configuration;
using Dtt.Data.Tokens;

namespace Dtt.Data.Order;

/// <summary>One dataset of a run: its token shards and the order of its windows.</summary>
public sealed class MixedDataset : IDisposable
{
    private readonly WindowOrder? _order;

    internal MixedDataset(string name, string folder, TokenIndex index, RunConfig config, int endOfText, Action? alive)
    {
        (Name, Index) = (name, index);
        Train = TokenShards.Open(folder, index, "train");
        try
        {
            Val = TokenShards.Open(folder, index, "val");
        }
        catch
        {
            Train.Dispose();
            throw;
        }

        Windows = WindowIndex.Of(config, Train, endOfText, alive);
        _order = Windows.Count == 0 ? null : new WindowOrder(Windows.Count, config.Seed, (long)Windows.Stride * Train.TokenBytes);
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>The shards' index.</summary>
    public TokenIndex Index { get; }

    /// <summary>Training shards.</summary>
    public TokenShards Train { get; }

    /// <summary>Validation shards.</summary>
    public TokenShards Val { get; }

    /// <summary>Training windows in canonical order.</summary>
    public WindowIndex Windows { get; }

    /// <summary>The window at a position of its own order.</summary>
    public long Window(long position) => _order!.Window(position);

    /// <summary>Closes the shards.</summary>
    public void Dispose()
    {
        Train.Dispose();
        Val.Dispose();
    }
}
