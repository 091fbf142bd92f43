using Dtt.Abstractions.Runs;

namespace Dtt.Abstractions.Platform;

/// <summary>A run in one line, as lists show it: a row of the index table.</summary>
public sealed record RunRow
{
    /// <summary>The run's folder: its key on the platform.</summary>
    public required string Folder { get; init; }

    /// <summary>The run's name: the last part of the folder.</summary>
    public required string Run { get; init; }

    /// <summary>What it is doing.</summary>
    public required RunState State { get; init; }

    /// <summary>Steps done.</summary>
    public required long Step { get; init; }

    /// <summary>Steps of the whole run; 0 while unknown.</summary>
    public required long TotalSteps { get; init; }

    /// <summary>Last training loss, nats per token.</summary>
    public double? TrainLoss { get; init; }

    /// <summary>Last validation loss, nats per token.</summary>
    public double? ValLoss { get; init; }

    /// <summary>Training tokens seen.</summary>
    public required long Tokens { get; init; }

    /// <summary>Mean tokens per second of the last steps.</summary>
    public double? TokensPerSecond { get; init; }

    /// <summary>Attempts so far.</summary>
    public required int Attempts { get; init; }

    /// <summary>When the run was created.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Version of the run's record that this row shows: an older one never replaces it.</summary>
    public required long Version { get; init; }
}
