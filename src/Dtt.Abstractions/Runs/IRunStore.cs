namespace Dtt.Abstractions.Runs;

/// <summary>
/// Where runs are remembered. Every implementation applies <see cref="RunRules"/> and answers only when the result is durable; without
/// a platform it is <see cref="FileRunStore"/>.
/// </summary>
public interface IRunStore
{
    /// <summary>The names of all runs, oldest first.</summary>
    IReadOnlyList<string> List();

    /// <summary>A run's state, <see cref="RunState.Interrupted"/> when its owner is gone; null when there is no such run.</summary>
    RunRecord? Find(string run);

    /// <summary>The run's folder: configuration, checkpoints, samples, logs.</summary>
    string FolderOf(string run);

    /// <summary>Creates a run; a taken name is numbered: <c>name-2</c>, <c>name-3</c> …</summary>
    /// <param name="name">The name wished for.</param>
    /// <param name="configYaml">The resolved configuration.</param>
    /// <param name="paths">Where its tokens and tokenizer lie.</param>
    RunRecord Create(string name, string configYaml, Configuration.ArtefactPaths paths);

    /// <summary>Begins the next attempt and owns the run until the handle is disposed or the process dies.</summary>
    /// <exception cref="Errors.UserErrorException">Another process owns the run.</exception>
    IRunAttempt Begin(string run);

    /// <summary>The process that owns the run, or null when nobody does.</summary>
    int? OwnerOf(string run);

    /// <summary>Deletes a run that nobody owns, with everything in it.</summary>
    /// <exception cref="Errors.UserErrorException">Another process owns the run.</exception>
    void Delete(string run);

    /// <summary>The rows of one attempt as they were stored, replayed steps and all.</summary>
    IEnumerable<StepMetrics> ReadAttempt(string run, int attempt);

    /// <summary>The run's curve.</summary>
    IReadOnlyList<StepMetrics> ReadMetrics(string run);

    /// <summary>What happened to the run, oldest first.</summary>
    IReadOnlyList<RunEvent> ReadEvents(string run);
}
