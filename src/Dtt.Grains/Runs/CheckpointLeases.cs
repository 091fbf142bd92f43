namespace Dtt.Grains.Runs;

/// <summary>Who reads which checkpoint. In memory only: a silo's death ends its readers too.</summary>
internal sealed class CheckpointLeases
{
    /// <summary>How long a lease lasts that nobody gives back.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    private readonly Dictionary<Guid, (long Step, DateTimeOffset Until)> _leases = [];

    public void Add(Guid lease, long step, DateTimeOffset now) => _leases[lease] = (step, now + Longest);

    public void Remove(Guid lease) => _leases.Remove(lease);

    /// <summary>The steps that are leased.</summary>
    public HashSet<long> Steps(DateTimeOffset now)
    {
        foreach (var old in _leases.Where(l => l.Value.Until < now).Select(l => l.Key).ToList()) _leases.Remove(old);
        return [.. _leases.Values.Select(l => l.Step)];
    }
}
