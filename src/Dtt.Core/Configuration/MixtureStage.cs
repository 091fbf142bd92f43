namespace Dtt.Core.Configuration;

/// <summary>A part of a run that draws from the same datasets in the same shares.</summary>
/// <param name="Tokens">Its length in target tokens; null: its datasets say it, or it lasts to the end of the run.</param>
/// <param name="Datasets">The datasets.</param>
public sealed record MixtureStage(long? Tokens, IReadOnlyList<DatasetShare> Datasets)
{
    /// <summary>Whether its datasets have weights; else each says how much of it is drawn.</summary>
    public bool IsByWeight => Datasets[0].Weight is not null;
}
