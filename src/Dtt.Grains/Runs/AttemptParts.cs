using System.Globalization;
using Dtt.Abstractions;
using Dtt.Core.Runs;

namespace Dtt.Grains.Runs;

/// <summary>
/// What the parts of the current attempt share while it lives, in memory alone: where their ranks listen, and whether all of them wait for each other. Agents
/// say both again and again, so an activation that knows nothing knows everything within two seconds.
/// </summary>
internal sealed class AttemptParts
{
    private readonly Dictionary<int, string[]> _endpoints = [];
    private static readonly TimeSpan _fresh = TimeSpan.FromSeconds(5); // an agent whose ranks are stalled says so with every beat
    private readonly Dictionary<int, (StalledPart Part, DateTimeOffset At)> _stalled = [];
    private int _attempt;

    /// <summary>What was found when every rank of every node waits for the others, or null.</summary>
    public CauseCard? Hung { get; private set; }

    /// <summary>A part tells where its ranks listen.</summary>
    /// <returns>Where all ranks listen, by rank; empty: some part has not said so yet.</returns>
    public string[] Meet(DurableRun run, int attempt, int firstRank, string[] endpoints)
    {
        Begin(attempt);
        _endpoints[firstRank] = endpoints;
        return run.Placements.All(p => _endpoints.GetValueOrDefault(p.FirstRank)?.Length == p.Devices.Count)
            ? [.. run.Placements.OrderBy(p => p.FirstRank).SelectMany(p => _endpoints[p.FirstRank])]
            : [];
    }

    /// <summary>A part tells whether all of its ranks wait for others for too long; when every part does, the rank that is furthest behind is named.</summary>
    public void Renew(DurableRun run, int attempt, NodeRef node, StalledPart? stalled, DateTimeOffset now)
    {
        Begin(attempt);
        if (run.Placements.Count < 2 || run.Placements.FirstOrDefault(p => p.Node == node) is not { } part) return;
        if (stalled is null) _stalled.Remove(part.FirstRank);
        else _stalled[part.FirstRank] = (stalled with { Card = stalled.Card with { Node = node.Node } }, now);
        if (Hung is not null || !run.Placements.All(p => _stalled.TryGetValue(p.FirstRank, out var told) && now - told.At < _fresh)) return;
        var last = _stalled.Values.Select(s => s.Part).MinBy(s => (s.Completed, s.Rank))!;
        Hung = last.Card with
        {
            How = string.Create(CultureInfo.InvariantCulture, $"every rank waits for the others in collective {last.Card.Collective}; {last.Card.How}"),
        };
    }

    private void Begin(int attempt)
    {
        if (attempt == _attempt) return;
        _attempt = attempt;
        _endpoints.Clear();
        _stalled.Clear();
        Hung = null;
    }
}
