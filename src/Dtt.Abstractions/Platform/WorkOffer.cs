namespace Dtt.Abstractions.Platform;

/// <summary>What a dataset hands to an agent.</summary>
/// <param name="Job">The job; null when the dataset has none.</param>
/// <param name="Items">The items leased by this call.</param>
/// <param name="More">Whether to ask again: the job is not at its end.</param>
public sealed record WorkOffer(DatasetJob? Job, IReadOnlyList<WorkItem> Items, bool More);
