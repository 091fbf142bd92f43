using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Dtt.Grains.News;

/// <summary>
/// The newest things that happened, for live viewers: a fixed ring. A viewer that cannot keep up loses the oldest, never slows down the rest. Used within
/// one grain's turns.
/// </summary>
/// <param name="size">How many things are remembered, and how many a viewer may be behind.</param>
internal sealed class NewsRing<T>(int size)
{
    private readonly Queue<T> _newest = new();
    private readonly List<Channel<T>> _viewers = [];

    /// <summary>Tells all viewers.</summary>
    public void Publish(T news)
    {
        _newest.Enqueue(news);
        if (_newest.Count > size) _ = _newest.Dequeue();
        foreach (var viewer in _viewers) _ = viewer.Writer.TryWrite(news);
    }

    /// <summary>The newest <paramref name="backlog"/>, then how things stand, then everything from now on.</summary>
    public async IAsyncEnumerable<T> WatchAsync(int backlog, T standing, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var channel = Channel.CreateBounded<T>(new BoundedChannelOptions(size) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
        foreach (var old in _newest.TakeLast(backlog)) _ = channel.Writer.TryWrite(old);
        _ = channel.Writer.TryWrite(standing);
        _viewers.Add(channel);
        try
        {
            while (await channel.Reader.WaitToReadAsync(cancellation))
            {
                while (channel.Reader.TryRead(out var news)) yield return news;
            }
        }
        finally
        {
            _viewers.Remove(channel);
        }
    }
}
