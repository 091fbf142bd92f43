using System.Text.Json.Serialization;
using Dtt.Core.Ranks;

namespace Dtt.Core.Runs;

/// <summary>Why ranks ended before their time: what is shown of every death, and what decides whether to try again.</summary>
public sealed record CauseCard
{
    /// <summary>Whose doing it was.</summary>
    public required DeathKind Kind { get; init; }

    /// <summary>What happened, a sentence without its full stop: <c>the rank was killed by signal 9 in phase save after step 20</c>.</summary>
    public required string How { get; init; }

    /// <summary>The node; null: not known.</summary>
    public string? Node { get; init; }

    /// <summary>The rank that was the cause; null: not one of them alone.</summary>
    public int? Rank { get; init; }

    /// <summary>What it was doing.</summary>
    public RankPhase? Phase { get; init; }

    /// <summary>Steps that it had done.</summary>
    public long? Step { get; init; }

    /// <summary>The last collective operation that it began, counted from 1; 0: none.</summary>
    public long Collective { get; init; }

    /// <summary>Whether it hung: it gave no sign for longer than its phase allows.</summary>
    public bool Hung { get; init; }

    /// <summary>The last lines that it printed.</summary>
    public IReadOnlyList<string> LastLines { get; init; } = [];

    /// <summary>What each of its managed threads was doing when it hung, a line a frame; empty where that could not be read.</summary>
    public IReadOnlyList<string> Stacks { get; init; } = [];

    /// <summary>The card in one line, for events.</summary>
    [JsonIgnore]
    public string Line => LastLines.Count == 0 ? How : $"{How}; its last lines: {string.Join(" | ", LastLines)}";

    /// <summary>The card of a death of which nothing more is known.</summary>
    public static CauseCard Of(DeathKind kind, string how) => new() { Kind = kind, How = how };

    /// <summary>
    /// The card of a silo that is dead to the others: its ranks are gone with it, or end when their lease has passed. Nobody can tell a dead node from one that
    /// is cut off.
    /// </summary>
    /// <param name="node">The silo.</param>
    /// <param name="ofSeveral">Whether the attempt has parts on other nodes, so that the node is to be named.</param>
    public static CauseCard OfSilo(NodeRef node, bool ofSeveral) => new()
    {
        Kind = DeathKind.Silo,
        Node = node.Node,
        How = ofSeveral ? $"the silo of node {node.Node} died or was cut off, and its ranks with it" : "the silo died, and the rank with it",
    };
}

/// <summary>Whose doing a death was.</summary>
public enum DeathKind
{
    /// <summary>The rank's own: an exit code, a fault of memory, a hang, or it could not be started.</summary>
    Rank,

    /// <summary>A rank's that disappeared elsewhere: this one only lost its peer, or was ended for it.</summary>
    Peer,

    /// <summary>Somebody else's: a signal from outside.</summary>
    Outside,

    /// <summary>Its silo's, or the node's.</summary>
    Silo,
}
