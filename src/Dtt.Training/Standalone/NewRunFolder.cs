using System.Globalization;
using System.Text;
using Dtt.Core.Runs;
using Dtt.Core.Storage;

namespace Dtt.Training.Standalone;

/// <summary>Makes the folder of a new run: it appears whole, with its state and its owner in it, or not at all.</summary>
internal static class NewRunFolder
{
    private const string DraftPrefix = ".draft-";
    private static readonly TimeSpan _abandoned = TimeSpan.FromDays(1);

    /// <summary>Makes it; a taken name is numbered: <c>name-2</c>, <c>name-3</c> …</summary>
    /// <param name="runsFolder">Where runs lie, absolute.</param>
    /// <param name="request">What is to be trained.</param>
    /// <param name="stateOf">The first state of the run with this name.</param>
    /// <param name="fill">Does what must be done before anybody sees the run, where it lies until then; it may release the lock. Null: nothing.</param>
    /// <returns>Where it lies, and the lock that owns it.</returns>
    public static (RunLayout Layout, FileLock Owner) Create(
        string runsFolder, RunRequest request, Func<string, DurableRun> stateOf, Action<RunLayout, FileLock>? fill = null)
    {
        Directory.CreateDirectory(runsFolder);
        Sweep(runsFolder);
        for (var number = 1; ; number++)
        {
            var suffix = number == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"-{number}");
            var layout = new RunLayout(Path.Combine(runsFolder, request.Config.Name + suffix));
            if (Path.Exists(layout.Folder)) continue;
            if (TryCreate(runsFolder, layout, request.ConfigYaml, stateOf(layout.Run), fill) is { } owner) return (layout, owner);
        }
    }

    /// <summary>Deletes what a kill left of runs that were never made, as far as it can: another process may be doing the same, or own the draft.</summary>
    private static void Sweep(string runsFolder)
    {
        foreach (var draft in new DirectoryInfo(runsFolder).EnumerateDirectories(DraftPrefix + "*"))
        {
            draft.Refresh(); // what was listed may have become a run
            if (!draft.Exists || DateTime.UtcNow - draft.LastWriteTimeUtc <= _abandoned) continue;
            try
            {
                draft.Delete(recursive: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
            }
        }
    }

    /// <summary>Makes it beside its place and renames it; of two creators one renames first, and the other gets null.</summary>
    private static FileLock? TryCreate(string runsFolder, RunLayout layout, string configYaml, DurableRun state, Action<RunLayout, FileLock>? fill)
    {
        var draft = new RunLayout(Path.Combine(runsFolder, DraftPrefix + Guid.NewGuid().ToString("N")));
        Directory.CreateDirectory(draft.Folder);
        FileLock? owner = null;
        try
        {
            DurableFile.Replace(draft.Config, Encoding.UTF8.GetBytes(configYaml));
            RunFile.Write(draft, state);
            RunFolder.KeepTokenizer(draft, state.Request!.TokenizerFolder);
            owner = FileLock.TryAcquire(draft.Owner)!; // it goes with the folder: the run never stands there without its owner
            fill?.Invoke(draft, owner);
            Directory.Move(draft.Folder, layout.Folder);
            DurableFile.SyncFolder(runsFolder);
            return owner;
        }
        catch (IOException) when (Path.Exists(layout.Folder) && Directory.Exists(draft.Folder))
        {
            owner?.Dispose();
            Directory.Delete(draft.Folder, recursive: true);
            return null;
        }
        catch
        {
            owner?.Dispose();
            if (Directory.Exists(draft.Folder)) Directory.Delete(draft.Folder, recursive: true);
            throw;
        }
    }
}
