namespace Dtt.Abstractions.Platform;

/// <summary>An experiment.</summary>
/// <param name="Name">The name wished for.</param>
/// <param name="BaseConfigYaml">The configuration of its first run.</param>
/// <param name="Runs">Folders of its runs, oldest first.</param>
public sealed record ExperimentView(string Name, string BaseConfigYaml, IReadOnlyList<string> Runs);
