namespace Dtt.Core.Configuration;

/// <summary>A dataset of a mixture and how much of it is drawn: exactly one of the three is set.</summary>
/// <param name="Name">The dataset's name.</param>
/// <param name="Weight">Its part of the windows, against the other weights.</param>
/// <param name="Tokens">Target tokens that are drawn of it.</param>
/// <param name="Epochs">How often all of its windows are drawn.</param>
public sealed record DatasetShare(string Name, double? Weight = null, long? Tokens = null, double? Epochs = null);
