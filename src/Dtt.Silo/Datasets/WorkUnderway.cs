using System.Collections.Concurrent;
using Dtt.Abstractions;

namespace Dtt.Silo.Datasets;

/// <summary>What a node works on of a dataset, how far it is, and how it is stopped. One thread begins and ends; the work itself reports from any.</summary>
internal sealed class WorkUnderway
{
    private static readonly TimeSpan _remarkTime = TimeSpan.FromSeconds(10);
    private readonly ConcurrentDictionary<WorkItem, Part> _parts = new();
    private CancellationTokenSource _stop = new();

    /// <summary>All of it together.</summary>
    public Underway Sum => new(_parts.Values.Sum(p => p.Bytes), _parts.Values.Select(p => p.Remark).FirstOrDefault(r => r is not null));

    /// <summary>An item begins.</summary>
    public Part Begin(WorkItem item) => _parts[item] = new Part(item, _stop.Token);

    /// <summary>An item has ended, one way or the other.</summary>
    public void End(WorkItem item) => _parts.TryRemove(item, out _);

    /// <summary>Nobody wants what is worked on any more: what can stop half-way does, and what begins from now on is not meant.</summary>
    public void Stop()
    {
        if (_parts.IsEmpty) return;
        _stop.Cancel();
        _stop = new CancellationTokenSource();
    }

    /// <summary>One item.</summary>
    /// <param name="item">The item.</param>
    /// <param name="stopping">Cancelled when nobody wants it any more.</param>
    public sealed class Part(WorkItem item, CancellationToken stopping)
    {
        private long _bytes;
        private (string Text, long At)? _remark;

        /// <summary>The item.</summary>
        public WorkItem Item { get; } = item;

        /// <summary>Cancelled when nobody wants it any more.</summary>
        public CancellationToken Stopping { get; } = stopping;

        /// <summary>Bytes that are there.</summary>
        public long Bytes => Volatile.Read(ref _bytes);

        /// <summary>What keeps it waiting, while that is news.</summary>
        public string? Remark => _remark is var (text, at) && TimeSpan.FromMilliseconds(Environment.TickCount64 - at) < _remarkTime ? text : null;

        /// <summary>Says how many bytes are there.</summary>
        public void Report(long bytes)
        {
            if (bytes > Bytes) _remark = null;
            Volatile.Write(ref _bytes, bytes);
        }

        /// <summary>Says what keeps it waiting.</summary>
        public void Say(string remark) => _remark = (remark, Environment.TickCount64);
    }
}
