using Dtt.Core.Runs;

namespace Dtt.Grains.Agents;

/// <summary>How grains reach agents.</summary>
public interface INodeAgents
{
    /// <summary>This silo.</summary>
    NodeRef Here { get; }

    /// <summary>The silos that live.</summary>
    IReadOnlyList<NodeRef> Alive();

    /// <summary>Whether a silo is known to be dead, as the platform's membership says now.</summary>
    Task<bool> IsDeadAsync(NodeRef silo);

    /// <summary>A node's agent.</summary>
    INodeAgent At(NodeRef node);
}
