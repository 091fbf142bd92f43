using System.Security.Cryptography;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Data.Tales;
using Dtt.Data.Text;
using Dtt.Data.Tokens;

namespace Dtt.Data.Datasets;

/// <summary>The first stage: raw text on this machine and a manifest of it.</summary>
public static class RawDataset
{
    /// <summary>Finds or generates a dataset's raw files and writes their manifest; a manifest that still matches is left as it is.</summary>
    /// <param name="config">The dataset's configuration.</param>
    /// <param name="rawFolder">Where raw files and the manifest go.</param>
    /// <param name="progress">Told the bytes done and the bytes in all.</param>
    /// <returns>The manifest, and whether it was there already.</returns>
    /// <exception cref="BadDataException">There is no text, or not of a kind that DTT reads.</exception>
    public static (RawManifest Manifest, bool WasThere) Prepare(DatasetConfig config, string rawFolder, Action<long, long>? progress = null)
    {
        var source = SourceOf(config);
        if (RawManifest.Find(rawFolder) is { } there && there.Source == source && there.Files.All(IsUnchanged))
        {
            // New files in the raw folder may hold some of the first documents: then these are chosen again.
            var sameFiles = config.Path is not null || config.Builtin is not null
                || (config.MaxDocuments is null && FindFiles(rawFolder, rawFolder).Count == there.Files.Count);
            if (sameFiles) return (there, true);
        }

        if (config.HubPath is { } hub)
        {
            var split = config.HubSplit is { } part ? $", split {part}" : "";
            throw new BadDataException($"{config.Source}: 'hf_path: {hub}'{split}: this version does not fetch from the Hugging Face Hub. "
                + "Put the dataset on this machine as .jsonl files (one object with a 'text' field per line) and name them with 'path:' instead.");
        }

        Directory.CreateDirectory(rawFolder);
        var files = config.Builtin is not null ? [Generate(config, rawFolder, progress)] : FindFiles(config.Path ?? rawFolder, rawFolder);
        if (files.Count == 0)
        {
            throw new BadDataException(config.Path is { } path
                ? $"{config.Source}: 'path: {path}' has no file that is read: {TextFormat.Endings}, or {TokenFiles.Ending}."
                : $"there is no text in {rawFolder}: put {TextFormat.Endings} files there, or name them with 'path:' in {config.Source}.");
        }

        if (files.Find(f => new FileInfo(f).Length == 0) is { } empty) throw new BadDataException($"{empty} is empty; add text to it or remove it.");
        var used = config.MaxDocuments is { } most ? Head(files, most, config) : [.. files.Select(f => (f, (long?)null))];
        var total = used.Sum(f => new FileInfo(f.File).Length);
        var done = 0L;
        var hashed = new List<RawFile>();
        foreach (var (file, textBytes) in used)
        {
            var bytes = new FileInfo(file).Length;
            using var stream = File.OpenRead(file);
            hashed.Add(new RawFile(Path.GetFullPath(file), bytes, Convert.ToHexStringLower(SHA256.HashData(stream)), textBytes));
            progress?.Invoke(done += bytes, total);
        }

        var manifest = new RawManifest { Source = source, Files = hashed };
        manifest.Save(rawFolder);
        return (manifest, false);
    }

    private static bool IsUnchanged(RawFile file) => new FileInfo(file.Path) is { Exists: true } found && found.Length == file.Bytes;

    private static IReadOnlyList<(string File, long? TextBytes)> Head(List<string> files, long most, DatasetConfig config) =>
        files.Exists(f => f.EndsWith(TokenFiles.Ending, StringComparison.Ordinal))
            ? throw new BadDataException($"{config.Source}: 'ndocs' counts documents of text, but {files[0]} holds tokens; leave 'ndocs' out.")
            : PiecePlan.Head(files, most, config);

    private static string SourceOf(DatasetConfig config) =>
        OriginOf(config) + (config.MaxDocuments is { } most ? $" ndocs:{most} documents:{config.Documents} text_field:{config.TextField}" : "");

    private static string OriginOf(DatasetConfig config) => config switch
    {
        { Builtin: { } name } => $"builtin:{name} version:{TaleGenerator.Version} seed:{config.Seed} bytes:{config.GeneratedBytes}",
        { Path: { } path } => $"path:{Path.GetFullPath(path)}",
        _ => "raw folder",
    };

    private static List<string> FindFiles(string path, string rawFolder)
    {
        if (TextFiles.In(path) is { Count: > 0 } texts) return [.. texts];
        if (File.Exists(path)) return path.EndsWith(TokenFiles.Ending, StringComparison.Ordinal) ? [path] : [];
        if (!Directory.Exists(path))
        {
            if (path == rawFolder) return [];
            throw new BadDataException($"there is no file or folder {Path.GetFullPath(path)}; put your text there, or set 'path:' in the dataset's "
                + "configuration to where it is.");
        }

        return [.. Directory.EnumerateFiles(path, "*" + TokenFiles.Ending, SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
    }

    private static string Generate(DatasetConfig config, string rawFolder, Action<long, long>? progress)
    {
        var file = Path.Combine(rawFolder, $"{config.Builtin}.txt");
        using (var stream = new FileStream(file + ".tmp", FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20))
        {
            var generator = new TaleGenerator(config.Seed);
            for (var tale = 0L; stream.Position < config.GeneratedBytes; tale++)
            {
                stream.Write(System.Text.Encoding.UTF8.GetBytes(generator.Tell(tale)));
                stream.Write("\n\n"u8);
                if (tale % 1024 == 0) progress?.Invoke(stream.Position, config.GeneratedBytes);
            }

            stream.Flush(flushToDisk: true);
        }

        File.Move(file + ".tmp", file, overwrite: true);
        return file;
    }
}
