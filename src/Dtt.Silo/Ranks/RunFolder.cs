using System.Text;
using Dtt.Abstractions;
using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Silo.Ranks;

/// <summary>A run's folder on this machine. Whatever is deleted is renamed first, so a half-deleted thing is never taken for a whole one.</summary>
internal static class RunFolder
{
    private const string ConfigFile = "config.yaml";
    private const int LongestChunk = 1 << 18;

    public static string CheckpointsOf(string folder) => Path.Combine(folder, "checkpoints");

    public static string LogOf(string folder, int attempt, int rank = 0) => Path.Combine(folder, "logs", rank == 0 ? $"a{attempt:00}.log" : $"a{attempt:00}.r{rank}.log");

    /// <summary>Makes a run's folder with its configuration; false when something lies there. A folder with nothing but a configuration was left by a creation that a crash cut off.</summary>
    /// <exception cref="UserErrorException">It cannot be made.</exception>
    public static bool Prepare(string folder, string configYaml)
    {
        if (File.Exists(folder) || (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any(e => !Path.GetFileName(e).StartsWith(ConfigFile, StringComparison.Ordinal)))) return false;
        try
        {
            Directory.CreateDirectory(folder);
            DurableFile.Replace(Path.Combine(folder, ConfigFile), Encoding.UTF8.GetBytes(configYaml));
            DurableFile.SyncFolder(Path.GetDirectoryName(folder)!);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"the run's folder {folder} cannot be made ({e.Message.TrimEnd('.')}); free some space, or name another place with 'runs' in configs/path_templates.yaml.");
        }
    }

    /// <summary>Deletes checkpoints by their folder names.</summary>
    public static void Discard(string folder, IEnumerable<string> checkpoints)
    {
        foreach (var name in checkpoints.Select(Path.GetFileName)) Trash(folder, Path.Combine(CheckpointsOf(folder), name!));
    }

    /// <summary>Deletes every checkpoint but the committed ones, and what an earlier deletion left.</summary>
    public static void Sweep(string folder, IReadOnlySet<string> committed)
    {
        var trash = Path.Combine(folder, ".trash");
        if (Directory.Exists(trash)) Directory.Delete(trash, recursive: true);
        if (!Directory.Exists(CheckpointsOf(folder))) return;
        foreach (var path in Directory.EnumerateDirectories(CheckpointsOf(folder)).Where(p => !committed.Contains(Path.GetFileName(p)))) Trash(folder, path);
    }

    /// <summary>Deletes a run's folder.</summary>
    public static void Delete(string folder)
    {
        if (!Directory.Exists(folder)) return;
        var doomed = Path.Combine(Path.GetDirectoryName(folder)!, $".trash-{Guid.NewGuid():N}");
        Directory.Move(folder, doomed);
        DurableFile.SyncFolder(Path.GetDirectoryName(folder)!);
        Directory.Delete(doomed, recursive: true);
    }

    /// <summary>A stretch of an attempt's log.</summary>
    public static LogChunk ReadLog(string folder, int attempt, int rank, long offset)
    {
        var file = LogOf(folder, attempt, rank);
        if (!File.Exists(file)) return new LogChunk("", offset, Exists: false);
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (offset < 0) offset = Math.Max(0, stream.Length + offset);
        stream.Position = Math.Min(offset, stream.Length);
        var buffer = new byte[Math.Min(LongestChunk, stream.Length - stream.Position)];
        var read = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);

        // Whole lines only, so that no character is cut; a line longer than a chunk is given as it is.
        var end = Array.LastIndexOf(buffer, (byte)'\n', Math.Max(0, read - 1)) + 1;
        if (end <= 0) end = read == LongestChunk ? read : 0;
        return new LogChunk(Encoding.UTF8.GetString(buffer, 0, end), offset + end, Exists: true);
    }

    private static void Trash(string folder, string path)
    {
        if (!Directory.Exists(path)) return;
        var trash = Path.Combine(folder, ".trash");
        Directory.CreateDirectory(trash);
        var moved = Path.Combine(trash, $"{Path.GetFileName(path)}-{Guid.NewGuid():N}");
        Directory.Move(path, moved);
        Directory.Delete(moved, recursive: true);
    }
}
