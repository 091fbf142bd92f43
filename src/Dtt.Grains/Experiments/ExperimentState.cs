namespace Dtt.Grains.Experiments;

/// <summary>The durable state of an experiment.</summary>
public sealed record ExperimentState
{
    /// <summary>The configuration of its first run.</summary>
    public string BaseConfigYaml { get; init; } = "";

    /// <summary>Folders of its runs, oldest first.</summary>
    public IReadOnlyList<string> Runs { get; init; } = [];
}
