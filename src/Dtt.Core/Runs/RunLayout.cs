using System.Globalization;

namespace Dtt.Core.Runs;

/// <summary>Where things are in a run's folder (<c>docs/formats.md</c>).</summary>
/// <param name="Folder">The run's folder, absolute: its key on the platform.</param>
public readonly record struct RunLayout(string Folder)
{
    /// <summary>The resolved configuration's file name.</summary>
    public const string ConfigName = "config.yaml";

    /// <summary>The run's name: the last part of the folder.</summary>
    public string Run => Path.GetFileName(Folder);

    /// <summary>The resolved configuration, for reading; the state has it too.</summary>
    public string Config => At(ConfigName);

    /// <summary>The committed checkpoints, and what is being written or was left uncommitted.</summary>
    public string Checkpoints => At("checkpoints");

    /// <summary>What is being deleted: renamed first, so a half-deleted folder is never mistaken for a whole one.</summary>
    public string Trash => At(".trash");

    /// <summary>TensorBoard's event files.</summary>
    public string TensorBoard => At("tensorboard");

    /// <summary>Of a standalone run: its state.</summary>
    public string State => At("run.json");

    /// <summary>Of a platform's run: the platform's copy of its state, from which another platform, or the same in another place, adopts the run.</summary>
    public string PlatformState => At("run.platform.json");

    /// <summary>What builds before <see cref="PlatformState"/> made of a standalone run's state when they adopted it.</summary>
    public string AdoptedState => At("run.adopted.json");

    /// <summary>A copy of the run's tokenizer: with it the folder is enough to sample and to export.</summary>
    public string Tokenizer => At("tokenizer");

    /// <summary>Of a standalone run: the lock of the process that trains it.</summary>
    public string Owner => At(".owner");

    /// <summary>Of a standalone run: its events, one JSON object per line.</summary>
    public string Events => At("events.jsonl");

    /// <summary>Of a standalone run: the rows of an attempt, one JSON object per line.</summary>
    public string Metrics(int attempt) => At("metrics", Name($"a{attempt:00}.jsonl"));

    /// <summary>A checkpoint's folder.</summary>
    public string Checkpoint(string folderName) => Path.Combine(Checkpoints, folderName);

    /// <summary>The samples taken during training.</summary>
    public string Samples => At("samples");

    /// <summary>The sample taken after a step.</summary>
    public string Sample(long step) => Path.Combine(Samples, Name($"step_{step:00000000}.txt"));

    /// <summary>What an attempt's rank prints.</summary>
    public string Log(int attempt, int rank) => At("logs", Name($"a{attempt:00}{OfRank(rank)}.log"));

    /// <summary>A rank's black box while it lives.</summary>
    public string BlackBox(int attempt, int rank) => At(Name($".blackbox.a{attempt:00}{OfRank(rank)}"));

    /// <summary>A rank's trace of a few steps.</summary>
    public string Trace(int attempt, int rank) => At("profile", Name($"trace.a{attempt:00}{OfRank(rank)}.json"));

    private static string OfRank(int rank) => rank == 0 ? "" : Name($".r{rank}");

    private static string Name(FormattableString name) => name.ToString(CultureInfo.InvariantCulture);

    private string At(params ReadOnlySpan<string> parts) => Path.Combine([Folder, .. parts]);
}
