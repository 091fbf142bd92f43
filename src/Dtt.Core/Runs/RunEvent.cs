namespace Dtt.Core.Runs;

/// <summary>Something that happened to a run.</summary>
/// <param name="At">When.</param>
/// <param name="Kind">One word, such as <c>started</c>, <c>committed</c>, <c>failed</c>.</param>
/// <param name="Message">One sentence.</param>
public sealed record RunEvent(DateTimeOffset At, string Kind, string Message);
