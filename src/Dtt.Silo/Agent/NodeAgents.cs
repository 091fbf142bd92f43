using System.Data.Common;
using Dtt.Abstractions;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Orleans.Runtime.Services;

namespace Dtt.Silo.Agent;

/// <summary>Reaches the agents of all living silos.</summary>
internal sealed class NodeAgents(
    IServiceProvider services, ILocalSiloDetails local, ISiloStatusOracle silos, IClusterMembershipService membership, IMembershipTable table,
    TimeProvider time)
    : GrainServiceClient<INodeAgent>(services), INodeAgents
{
    private static readonly TimeSpan _remembered = TimeSpan.FromDays(1);
    private static readonly TimeSpan _fresh = TimeSpan.FromSeconds(5);
    private readonly Lock _gate = new();
    private (Task Done, long Since)? _confirmed;

    public NodeRef Here { get; } = new(local.Name, local.SiloAddress.ToParsableString());

    public IReadOnlyList<NodeRef> Alive() =>
    [
        .. silos.GetApproximateSiloStatuses(onlyActive: true).Keys
            .Select(s => new NodeRef(silos.TryGetSiloName(s, out var name) ? name : s.ToString(), s.ToParsableString()))
            .OrderBy(n => n.Node, StringComparer.Ordinal),
    ];

    public async Task<IReadOnlyList<NodeLife>> KnownAsync()
    {
        var since = time.GetUtcNow() - _remembered;
        return
        [
            .. (await table.ReadAllAsync()).Members.Select(m => LifeOf(m.Item1))
                .Where(l => l.State != NodeState.Dead || l.LastSeen >= since)
                .GroupBy(l => l.Node.Node, StringComparer.Ordinal)
                .Select(lives => lives.OrderBy(l => l.State == NodeState.Dead).ThenByDescending(l => l.LastSeen).First())
                .OrderBy(l => l.Node.Node, StringComparer.Ordinal),
        ];
    }

    public async Task<bool> IsDeadAsync(NodeRef silo)
    {
        var address = SiloAddress.FromParsableString(silo.Silo);
        if (membership.CurrentSnapshot.GetSiloStatus(address) is not (SiloStatus.Dead or SiloStatus.None)) return false;
        try
        {
            await membership.Refresh(); // one that has just come is not known here yet
        }
        catch (Exception e) when (e is DbException or IOException or OrleansException)
        {
            return false; // nobody knows while the database is away
        }

        return membership.CurrentSnapshot.GetSiloStatus(address) is SiloStatus.Dead or SiloStatus.None;
    }

    public Task ConfirmAsync()
    {
        lock (_gate)
        {
            if (_confirmed is { } known && (!known.Done.IsCompleted || (known.Done.IsCompletedSuccessfully && time.GetElapsedTime(known.Since) < _fresh)))
                return known.Done;
            var done = Task.Run(LookAsync);
            _confirmed = (done, time.GetTimestamp());
            return done;
        }
    }

    public INodeAgent At(NodeRef node) => GetGrainService(SiloAddress.FromParsableString(node.Silo));

    private async Task LookAsync()
    {
        if (!(await table.ReadAllAsync()).Members.Any(m => m.Item1.SiloAddress.Equals(local.SiloAddress) && m.Item1.Status != SiloStatus.Dead))
            throw new IOException($"node {Here.Node} is dead to the others, which go on without it.");
    }

    private static NodeLife LifeOf(MembershipEntry entry)
    {
        var seen = entry.IAmAliveTime > entry.StartTime ? entry.IAmAliveTime : entry.StartTime;
        var state = entry.Status switch
        {
            SiloStatus.Active => NodeState.Alive,
            SiloStatus.Dead or SiloStatus.None => NodeState.Dead,
            _ => NodeState.Changing,
        };
        return new NodeLife(
            new NodeRef(entry.SiloName, entry.SiloAddress.ToParsableString()),
            entry.SiloAddress.Endpoint.Address.ToString(),
            state,
            new DateTimeOffset(DateTime.SpecifyKind(seen, DateTimeKind.Utc)));
    }
}
