namespace Dtt.Abstractions.Platform;

/// <summary>What became of a work item.</summary>
/// <param name="Item">The item.</param>
/// <param name="Notes">Sentences for the user, for work on the whole dataset.</param>
/// <param name="Pieces">After planning, the number of pieces.</param>
/// <param name="SkipTo">The stage to go on with, when what comes between is there already.</param>
/// <param name="Error">Why it failed, or null.</param>
/// <param name="ErrorCode">How commands end then.</param>
public sealed record WorkDone(WorkItem Item, IReadOnlyList<string>? Notes = null, int Pieces = 0, DatasetStage? SkipTo = null, string? Error = null, int ErrorCode = 0);
