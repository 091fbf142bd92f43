using Dtt.Abstractions;

namespace Dtt.Grains.Datasets;

/// <summary>Who works on what. In memory only: after a silo's death all work is offered again, and work that is done answers so.</summary>
public sealed class WorkLeases
{
    /// <summary>How long an agent may be silent before its work is offered to others.</summary>
    public static readonly TimeSpan Time = TimeSpan.FromSeconds(30);

    private readonly Dictionary<WorkItem, (string Silo, DateTimeOffset Until)> _leases = [];
    private int _next;

    /// <summary>Whether somebody works on an item.</summary>
    public bool IsLeased(WorkItem item, DateTimeOffset now) => _leases.TryGetValue(item, out var lease) && lease.Until >= now;

    /// <summary>Whether an item was given to another silo since this one got it, so that what goes wrong here is not the item's fault.</summary>
    public bool IsOfAnother(WorkItem item, string silo) => _leases.TryGetValue(item, out var lease) && lease.Silo != silo;

    /// <summary>Renews the leases of what an agent still works on, but for those that another holds by now.</summary>
    public void Renew(string silo, IEnumerable<WorkItem> working, DateTimeOffset now)
    {
        foreach (var item in working.Where(i => !IsOfAnother(i, silo) || !IsLeased(i, now))) _leases[item] = (silo, now + Time);
    }

    /// <summary>The silos that hold leases.</summary>
    public IReadOnlyList<string> Holders => [.. _leases.Values.Select(l => l.Silo).Distinct()];

    /// <summary>Ends all leases of a silo that is dead.</summary>
    public void EndOf(string silo)
    {
        foreach (var (item, _) in _leases.Where(l => l.Value.Silo == silo).ToList()) _leases.Remove(item);
    }

    /// <summary>Ends leases.</summary>
    public void End(IEnumerable<WorkItem> items)
    {
        foreach (var item in items) _leases.Remove(item);
    }

    /// <summary>Ends all leases: another stage begins.</summary>
    public void Clear()
    {
        _leases.Clear();
        _next = 0;
    }

    /// <summary>Leases up to <paramref name="count"/> items of a stage that are neither done nor leased, in order.</summary>
    public IReadOnlyList<WorkItem> Acquire(DatasetState state, string silo, int count, DateTimeOffset now)
    {
        var acquired = new List<WorkItem>();
        if (!state.IsByPiece)
        {
            if (count > 0) TryAcquire(new WorkItem(state.Stage, -1, state.Begun));
            return acquired;
        }

        // The first pass goes on where the last offer ended; when all were offered, those whose lease expired are offered again.
        for (; _next < state.Pieces && acquired.Count < count; _next++) TryAcquirePiece(_next);
        if (_next >= state.Pieces)
        {
            for (var piece = 0; piece < state.Pieces && acquired.Count < count; piece++) TryAcquirePiece(piece);
        }

        return acquired;

        void TryAcquirePiece(int piece)
        {
            if (!state.Done.Contains(piece)) TryAcquire(new WorkItem(state.Stage, piece, state.Begun));
        }

        void TryAcquire(WorkItem item)
        {
            if (IsLeased(item, now)) return;
            _leases[item] = (silo, now + Time);
            acquired.Add(item);
        }
    }
}
