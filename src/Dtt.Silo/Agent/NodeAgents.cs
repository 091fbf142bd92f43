using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Orleans.Runtime.Services;

namespace Dtt.Silo.Agent;

/// <summary>Reaches the agents of all living silos.</summary>
internal sealed class NodeAgents(IServiceProvider services, ILocalSiloDetails local, ISiloStatusOracle silos, IClusterMembershipService membership)
    : GrainServiceClient<INodeAgent>(services), INodeAgents
{
    public NodeRef Here { get; } = new(local.Name, local.SiloAddress.ToParsableString());

    public IReadOnlyList<NodeRef> Alive() =>
    [
        .. silos.GetApproximateSiloStatuses(onlyActive: true).Keys
            .Select(s => new NodeRef(silos.TryGetSiloName(s, out var name) ? name : s.ToString(), s.ToParsableString()))
            .OrderBy(n => n.Node, StringComparer.Ordinal),
    ];

    public async Task<bool> IsDeadAsync(NodeRef silo)
    {
        var address = SiloAddress.FromParsableString(silo.Silo);
        if (membership.CurrentSnapshot.GetSiloStatus(address) is not (SiloStatus.Dead or SiloStatus.None)) return false;
        await membership.Refresh(default); // one that has just come is not known here yet
        return membership.CurrentSnapshot.GetSiloStatus(address) is SiloStatus.Dead or SiloStatus.None;
    }

    public INodeAgent At(NodeRef node) => GetGrainService(SiloAddress.FromParsableString(node.Silo));
}
