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

    /// <summary>
    /// Returns when this silo was one of the platform's a few seconds ago, by the membership that all silos share. One that is cut off may be dead to the
    /// others, and what it remembers of a run may be over: it must not keep ranks alive by an answer from memory.
    /// </summary>
    /// <exception cref="IOException">It is dead to the others, or the membership cannot be read.</exception>
    Task ConfirmAsync();

    /// <summary>A node's agent.</summary>
    INodeAgent At(NodeRef node);
}
