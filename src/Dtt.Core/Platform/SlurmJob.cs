using System.Globalization;

namespace Dtt.Core.Platform;

/// <summary>The Slurm job that this process runs in, if any.</summary>
public static class SlurmJob
{
    /// <summary>Its number; null: there is none.</summary>
    public static string? Id { get; } = Environment.GetEnvironmentVariable("SLURM_JOB_ID") is { Length: > 0 } id ? id : null;

    /// <summary>Which of its lives, from 0: a requeue begins the next; null: there is no job.</summary>
    public static int? Life { get; } = Id is null ? null
        : int.TryParse(Environment.GetEnvironmentVariable("SLURM_RESTART_COUNT"), NumberStyles.None, CultureInfo.InvariantCulture, out var life) ? life : 0;
}
