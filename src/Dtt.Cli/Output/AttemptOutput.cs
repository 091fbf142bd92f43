using Dtt.Core.Runs;

namespace Dtt.Cli.Output;

/// <summary>A life of a run: <c>history</c> of <c>dtt show --json</c>.</summary>
internal sealed record AttemptOutput(
    int Attempt, string StartedAt, string? EndedAt, long? FromStep, int Nodes, int Ranks, string? Outcome, CauseOutput? Cause)
{
    public static AttemptOutput Of(RunAttempt attempt) => new(
        attempt.Attempt,
        attempt.StartedAt.ToString("O"),
        attempt.EndedAt?.ToString("O"),
        attempt.FromStep,
        attempt.Nodes,
        attempt.Ranks,
        attempt.Outcome,
        attempt.Cause is { } cause ? CauseOutput.Of(cause) : null);
}

/// <summary>Why an attempt died.</summary>
internal sealed record CauseOutput(
    string Kind, string How, string? Node, int? Rank, string? Phase, long? Step, long Collective, IReadOnlyList<string> LastLines, IReadOnlyList<string> Stacks)
{
    public static CauseOutput Of(CauseCard cause) => new(
        cause.Kind.ToString().ToLowerInvariant(),
        cause.How,
        cause.Node,
        cause.Rank,
        cause.Phase?.ToString().ToLowerInvariant(),
        cause.Step,
        cause.Collective,
        cause.LastLines,
        cause.Stacks);
}

/// <summary>Where a part of the current attempt lives.</summary>
internal sealed record PlacementOutput(string Node, int FirstRank, IReadOnlyList<string> Devices)
{
    public static PlacementOutput Of(Placement placement) => new(placement.Node.Node, placement.FirstRank, placement.Devices);
}
