namespace Dtt.Abstractions.Platform;

/// <summary>A piece of work of a dataset job that an agent leased.</summary>
/// <param name="Stage">What to do.</param>
/// <param name="Piece">Which piece; −1 for work on the whole dataset.</param>
public sealed record WorkItem(DatasetStage Stage, int Piece);
