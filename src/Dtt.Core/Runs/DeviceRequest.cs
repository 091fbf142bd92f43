using System.Text.Json.Serialization;

namespace Dtt.Core.Runs;

/// <summary>The devices that a run wants.</summary>
/// <param name="WantsGpu">GPUs where a node has any, one a rank; else all ranks of the node share its CPU.</param>
/// <param name="Ranks">Ranks on each node.</param>
/// <param name="MinRanks">Fewest on a node that will do.</param>
/// <param name="Nodes">Nodes to train on; 0: all that live.</param>
/// <param name="MinNodes">Fewest nodes that will do once <paramref name="NodeWait"/> has passed.</param>
/// <param name="LastNodes">Nodes of the last attempt: what a run on all nodes waits for.</param>
/// <param name="MaxRanks">Most ranks in all that have something to do: each needs a micro-batch of a step.</param>
/// <param name="NodeWait">How long a run that has trained waits for a lost node before it goes on with fewer, or without GPUs.</param>
public sealed record DeviceRequest(
    bool WantsGpu, int Ranks, int MinRanks, int Nodes = 1, int MinNodes = 1, int LastNodes = 1, int MaxRanks = int.MaxValue, TimeSpan NodeWait = default)
{
    /// <summary>Whether the last attempt was on GPUs.</summary>
    public bool LastOnGpus { get; init; }

    /// <summary>Most nodes that have something to do.</summary>
    [JsonIgnore]
    public int MaxNodes => MaxRanks / MinRanks;

    /// <summary>Nodes to take now, of those that live.</summary>
    /// <param name="alive">Nodes that live.</param>
    /// <param name="waited">How long the run has waited.</param>
    public (int Wanted, int Fewest) NodesNow(int alive, TimeSpan waited)
    {
        var wanted = Math.Min(Nodes == 0 ? Math.Max(alive, LastNodes) : Nodes, MaxNodes);
        return (wanted, waited >= NodeWait ? Math.Min(MinNodes, wanted) : wanted);
    }

    /// <summary>The parts of an attempt on nodes that offer devices: as many ranks as have something to do, of the first nodes first.</summary>
    public IReadOnlyList<Placement> Place(IEnumerable<(NodeRef Node, IReadOnlyList<string> Devices)> offers)
    {
        var (places, ranks) = (new List<Placement>(), 0);
        foreach (var (node, devices) in offers.TakeWhile(_ => ranks < MaxRanks))
        {
            places.Add(new Placement(node, [.. devices.Take(MaxRanks - ranks)], ranks));
            ranks += places[^1].Devices.Count;
        }

        return places;
    }

    /// <summary>Whether another rank would have nothing to do.</summary>
    public bool IsFull(IReadOnlyList<Placement> places) => places.Sum(p => p.Devices.Count) >= MaxRanks;
}
