using Dtt.Core.Errors;

namespace Dtt.Core.Runs;

/// <summary>A mixture in whole numbers: with the run's seed all that its data order is a function of.</summary>
public sealed record MixturePlan
{
    /// <summary>The version of the rule by which positions are dealt to datasets.</summary>
    public const int CurrentVersion = 1;

    /// <summary>The version that it was made for.</summary>
    public int Version { get; init; } = CurrentVersion;

    /// <summary>The datasets, in the order of their first mention.</summary>
    public required IReadOnlyList<PlannedDataset> Datasets { get; init; }

    /// <summary>The stages, one at least.</summary>
    public required IReadOnlyList<PlannedStage> Stages { get; init; }

    /// <summary>Whether two plans deal the same.</summary>
    public bool Equals(MixturePlan? other) => other is not null && Version == other.Version
        && Datasets.SequenceEqual(other.Datasets) && Stages.SequenceEqual(other.Stages);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Version, Datasets.Count, Stages.Count);

    /// <summary>The plan in words: <c>web 3 : code 1</c>.</summary>
    public override string ToString() => string.Join(", then ", Stages.Select(s =>
        string.Join(" : ", Datasets.Zip(s.Shares).Where(d => d.Second > 0).Select(d => $"{d.First.Name} {d.Second:N0}"))
        + (s.Windows is { } windows ? $" for {windows:N0} windows" : "")));

    /// <summary>Refuses another mixture than the one that a run is of.</summary>
    /// <param name="pinned">The run's; null: of one dataset.</param>
    /// <param name="there">What is to be trained on; null: one dataset.</param>
    /// <param name="run">The run.</param>
    /// <exception cref="UserErrorException">It is another.</exception>
    public static void Require(MixturePlan? pinned, MixturePlan? there, string run)
    {
        if (pinned == there) return;
        throw new UserErrorException($"run '{run}' was trained on the mixture {pinned?.ToString() ?? "of one dataset"}, and its configuration and "
            + $"tokens now make it {there?.ToString() ?? "one dataset"}. Put them back as they were, or begin a new run from its weights: "
            + $"`dtt train --set init_from={run}`.", ExitCodes.BadData);
    }
}

/// <summary>A dataset of a mixture.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Windows">Its training windows, N.</param>
public sealed record PlannedDataset(string Name, long Windows);

/// <summary>A stage of a mixture.</summary>
/// <param name="Shares">The part of each dataset, in their order; 0: none of it is drawn.</param>
/// <param name="Windows">Its length; null: to the end of the run.</param>
public sealed record PlannedStage(IReadOnlyList<long> Shares, long? Windows)
{
    /// <summary>Whether two stages are the same.</summary>
    public bool Equals(PlannedStage? other) => other is not null && Windows == other.Windows && Shares.SequenceEqual(other.Shares);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Windows, Shares.Count);
}
