using Dtt.Core.Runs;

namespace Dtt.Grains.Storage;

/// <summary>An event under its number within the run.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Event">What happened.</param>
public sealed record NumberedEvent(long Number, RunEvent Event);
