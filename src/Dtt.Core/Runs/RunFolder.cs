using System.Text;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Storage;

namespace Dtt.Core.Runs;

/// <summary>
/// Work on a run's folder on this machine. Everything is renamed before it is deleted, so a half-deleted folder is never mistaken for a whole one.
/// </summary>
public static class RunFolder
{
    /// <summary>
    /// Makes a run's folder with its configuration; false when the name is in use. A folder with only a configuration was left by a crash while it
    /// was made.
    /// </summary>
    /// <exception cref="UserErrorException">It cannot be made.</exception>
    public static bool Prepare(RunLayout run, string configYaml)
    {
        if (File.Exists(run.Folder)) return false;
        if (Directory.Exists(run.Folder) && Directory.EnumerateFileSystemEntries(run.Folder).Any(e => !IsConfig(e))) return false;
        try
        {
            Directory.CreateDirectory(run.Folder);
            DurableFile.Replace(run.Config, Encoding.UTF8.GetBytes(configYaml));
            DurableFile.SyncFolder(Path.GetDirectoryName(run.Folder)!);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"cannot create the run's folder {run.Folder} ({e.Message.TrimEnd('.')}); "
                + "free some space, or name another place with 'runs' in configs/path_templates.yaml.");
        }
    }

    /// <summary>Copies the run's tokenizer into its folder, unless it is there or nowhere.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void KeepTokenizer(RunLayout run, string tokenizerFolder)
    {
        const string file = "tokenizer.json"; // the one that is read
        var (source, copy) = (Path.Combine(tokenizerFolder, file), Path.Combine(run.Tokenizer, file));
        if (File.Exists(copy) || !File.Exists(source)) return;
        Directory.CreateDirectory(run.Tokenizer);
        DurableFile.Replace(copy, File.ReadAllBytes(source));
    }

    /// <summary>
    /// Before an attempt: its configuration as it is now, and nothing of earlier attempts but what they committed. What a later attempt wrote stays, for this
    /// one may be late: its node may have stood still while another went on.
    /// </summary>
    /// <returns>What could not be deleted, and why: it is in nobody's way, and the next attempt tries again.</returns>
    /// <exception cref="UserErrorException">The folder is gone.</exception>
    /// <exception cref="IOException">The configuration cannot be written.</exception>
    public static IReadOnlyList<string> Ready(TrainSpec spec)
    {
        var run = new RunLayout(spec.RunFolder);
        if (!Directory.Exists(run.Folder)) throw new UserErrorException($"the run's folder {run.Folder} is gone; if it was moved, resume it where it is now");
        if (!File.Exists(run.Config) || File.ReadAllText(run.Config) != spec.ConfigYaml)
            DurableFile.Replace(run.Config, Encoding.UTF8.GetBytes(spec.ConfigYaml));
        foreach (var folder in new[] { run.Folder, run.Samples, run.Tokenizer }) DurableFile.Sweep(folder);
        var failures = new List<string>();
        if (Directory.Exists(run.Trash)) Try(() => Directory.Delete(run.Trash, recursive: true), failures);
        if (!Directory.Exists(run.Checkpoints)) return failures;
        var committed = spec.ResumeFrom.Select(c => c.FolderName).ToHashSet(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateDirectories(run.Checkpoints))
        {
            var name = Path.GetFileName(path);
            if (!committed.Contains(name) && WrittenCheckpoint.AttemptOf(name) < spec.Attempt) Try(() => Trash(run, path), failures);
        }

        return failures;
    }

    /// <summary>Deletes checkpoints by their folder names, as many of them as it can.</summary>
    /// <exception cref="IOException">Some could not be deleted.</exception>
    public static void DeleteCheckpoints(RunLayout run, IEnumerable<string> folderNames)
    {
        var failures = new List<string>();
        foreach (var name in folderNames.Select(Path.GetFileName)) Try(() => Trash(run, run.Checkpoint(name!)), failures);
        if (failures.Count > 0) throw new IOException(string.Join("; ", failures));
    }

    /// <summary>Writes a sample that was taken during training.</summary>
    /// <exception cref="IOException">The write failed.</exception>
    public static void Save(RunLayout run, TrainingSample sample)
    {
        var file = run.Sample(sample.Step);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        DurableFile.Replace(file, Encoding.UTF8.GetBytes(sample.Text + "\n"));
    }

    /// <summary>Deletes a run's folder. A try that was cut short is finished by the next: the name under which it deletes is always the same.</summary>
    public static void Delete(RunLayout run)
    {
        var parent = Path.GetDirectoryName(run.Folder)!;
        var trash = Path.Combine(parent, $".trash-{run.Run}");
        if (Directory.Exists(trash)) Directory.Delete(trash, recursive: true);
        if (!Directory.Exists(run.Folder)) return;
        Directory.Move(run.Folder, trash);
        DurableFile.SyncFolder(parent);
        Directory.Delete(trash, recursive: true);
    }

    private static bool IsConfig(string file) => Path.GetFileName(file).StartsWith(RunLayout.ConfigName, StringComparison.Ordinal);

    private static void Try(Action delete, List<string> failures)
    {
        try
        {
            delete();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            failures.Add(e.Message.TrimEnd('.'));
        }
    }

    private static void Trash(RunLayout run, string path)
    {
        if (!Directory.Exists(path)) return;
        Directory.CreateDirectory(run.Trash);
        var moved = Path.Combine(run.Trash, $"{Path.GetFileName(path)}-{Guid.NewGuid():N}");
        Directory.Move(path, moved);
        Directory.Delete(moved, recursive: true);
    }
}
