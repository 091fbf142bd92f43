using Dtt.Abstractions.Runs;

namespace Dtt.Abstractions.Platform;

/// <summary>Everything about a run that clients show.</summary>
public sealed record RunView
{
    /// <summary>The run in one line.</summary>
    public required RunRow Row { get; init; }

    /// <summary>Its durable state.</summary>
    public required RunRecord Record { get; init; }

    /// <summary>Its resolved configuration, YAML.</summary>
    public required string ConfigYaml { get; init; }

    /// <summary>The experiment that it belongs to.</summary>
    public required string Experiment { get; init; }

    /// <summary>Whether it was asked to stop and has not yet.</summary>
    public required bool StopRequested { get; init; }

    /// <summary>Why it waits, or null.</summary>
    public string? Waiting { get; init; }

    /// <summary>How a failed run's rank wants commands to end: one of <see cref="Errors.ExitCodes"/>.</summary>
    public required int FailureCode { get; init; }
}
