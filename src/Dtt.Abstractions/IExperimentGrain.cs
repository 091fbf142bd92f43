namespace Dtt.Abstractions;

/// <summary>The runs of one requested name in one folder of runs; the key is that folder and the name.</summary>
[Alias("dtt.experiment")]
public interface IExperimentGrain : IGrainWithStringKey
{
    /// <summary>Adds a run; the first one's configuration becomes the base.</summary>
    [Alias("add")]
    Task AddAsync(string run, string configYaml);

    /// <summary>Removes a deleted run.</summary>
    [Alias("remove")]
    Task RemoveAsync(string run);

    /// <summary>The experiment, or null when it has no runs.</summary>
    [Alias("find")]
    Task<ExperimentView?> FindAsync();
}

/// <summary>An experiment.</summary>
/// <param name="Name">The requested name.</param>
/// <param name="BaseConfigYaml">The configuration of its first run.</param>
/// <param name="Runs">Folders of its runs, oldest first.</param>
public sealed record ExperimentView(string Name, string BaseConfigYaml, IReadOnlyList<string> Runs);
