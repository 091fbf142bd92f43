using Dtt.Core.Runs;

namespace Dtt.Grains.Agents;

/// <summary>How grains reach agents.</summary>
public interface INodeAgents
{
    /// <summary>This silo.</summary>
    NodeRef Here { get; }

    /// <summary>The silos that live.</summary>
    IReadOnlyList<NodeRef> Alive();

    /// <summary>
    /// The newest life of every node, by name: of those that live, and of those that died in the last day; with when they last wrote that they live.
    /// </summary>
    Task<IReadOnlyList<NodeLife>> KnownAsync();

    /// <summary>Whether a silo is dead beyond doubt: the platform's newest membership says so, or knows none such.</summary>
    Task<bool> IsDeadAsync(NodeRef node);

    /// <summary>A node's agent.</summary>
    INodeAgent At(NodeRef node);
}
