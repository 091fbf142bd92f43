using Dtt.Abstractions;
using Dtt.Core.Runs;

namespace Dtt.Grains.Agents;

/// <summary>A life of a node as the platform's membership has it.</summary>
/// <param name="Node">The silo.</param>
/// <param name="Address">Where other nodes reach it.</param>
/// <param name="State">How it is; never silent, which only who asks it finds.</param>
/// <param name="LastSeen">When it last wrote that it lives.</param>
public sealed record NodeLife(NodeRef Node, string Address, NodeState State, DateTimeOffset LastSeen);
