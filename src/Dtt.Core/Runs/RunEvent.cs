namespace Dtt.Core.Runs;

/// <summary>Something that happened to a run.</summary>
/// <param name="At">When.</param>
/// <param name="Kind">One of <see cref="EventKinds"/>.</param>
/// <param name="Message">One sentence.</param>
public sealed record RunEvent(DateTimeOffset At, string Kind, string Message);

/// <summary>An event under its number within the run.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Event">What happened.</param>
public sealed record NumberedEvent(long Number, RunEvent Event);
