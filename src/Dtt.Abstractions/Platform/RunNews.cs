using Dtt.Abstractions.Ranks;
using Dtt.Abstractions.Runs;

namespace Dtt.Abstractions.Platform;

/// <summary>One thing that viewers of a run hear: a rank's message, an event, or a change of state.</summary>
/// <param name="Number">Counts up within one activation of the run.</param>
/// <param name="State">The run's state when it happened.</param>
/// <param name="Message">What the rank said, or null.</param>
/// <param name="Event">What was noted with the run, or null.</param>
public sealed record RunNews(long Number, RunState State, RankMessage? Message = null, RunEvent? Event = null);
