using System.Security.Cryptography;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Data.Tales;
using Dtt.Data.Tokens;

namespace Dtt.Data.Datasets;

/// <summary>The first stage: raw text on this machine and a manifest of it.</summary>
public static class RawDataset
{
    private static readonly string[] _endings = [".txt", ".jsonl", ".jsonl.gz", ".jsonl.zst"];

    /// <summary>Brings a dataset's raw files and writes their manifest; a manifest that still fits is left as it is.</summary>
    /// <param name="config">The dataset's configuration.</param>
    /// <param name="rawFolder">Where raw files and the manifest go.</param>
    /// <param name="progress">Told the bytes done and the bytes in all.</param>
    /// <returns>The manifest, and whether it was there already.</returns>
    /// <exception cref="BadDataException">There is no text, or not of a kind that DTT reads.</exception>
    public static (RawManifest Manifest, bool WasThere) Prepare(DatasetConfig config, string rawFolder, Action<long, long>? progress = null)
    {
        var source = SourceOf(config);
        if (RawManifest.Find(rawFolder) is { } there && there.Source == source && there.Files.All(f => new FileInfo(f.Path) is { Exists: true } i && i.Length == f.Bytes))
        {
            if (config.Path is not null || config.Builtin is not null || FindFiles(rawFolder, rawFolder).Count == there.Files.Count) return (there, true);
        }

        if (config.HubPath is { } hub)
        {
            throw new BadDataException($"{config.Source}: 'hf_path: {hub}': this version does not fetch from the Hugging Face Hub. "
                + "Put the dataset on this machine as .jsonl files (one object with a 'text' a line) and name them with 'path:' instead of 'hf_path:'.");
        }

        Directory.CreateDirectory(rawFolder);
        var files = config.Builtin is not null ? [Generate(config, rawFolder, progress)] : FindFiles(config.Path ?? rawFolder, rawFolder);
        if (files.Count == 0)
        {
            throw new BadDataException(config.Path is { } path
                ? $"{config.Source}: 'path: {path}' holds no {string.Join(", ", _endings)} or {TokenFiles.Ending} file."
                : $"there is no text in {rawFolder}: put {string.Join(", ", _endings)} files there, or name them with 'path:' in {config.Source}.");
        }

        var total = files.Sum(f => new FileInfo(f).Length);
        var done = 0L;
        var hashed = new List<RawFile>();
        foreach (var file in files)
        {
            var bytes = new FileInfo(file).Length;
            if (bytes == 0) throw new BadDataException($"{file} is empty; fill it or take it away.");
            using var stream = File.OpenRead(file);
            hashed.Add(new RawFile(Path.GetFullPath(file), bytes, Convert.ToHexStringLower(SHA256.HashData(stream))));
            progress?.Invoke(done += bytes, total);
        }

        var manifest = new RawManifest { Source = source, Files = hashed };
        manifest.Save(rawFolder);
        return (manifest, false);
    }

    private static string SourceOf(DatasetConfig config) => config switch
    {
        { Builtin: { } name } => $"builtin:{name} version:{TaleGenerator.Version} seed:{config.Seed} bytes:{config.GeneratedBytes}",
        { Path: { } path } => $"path:{Path.GetFullPath(path)}",
        _ => "raw folder",
    };

    private static List<string> FindFiles(string path, string rawFolder)
    {
        if (File.Exists(path)) return _endings.Append(TokenFiles.Ending).Any(path.EndsWith) ? [path] : [];
        if (!Directory.Exists(path))
        {
            if (path == rawFolder) return [];
            throw new BadDataException($"there is no file or folder {Path.GetFullPath(path)}; put your text there, or name another place with 'path:' in the dataset's configuration.");
        }

        var files = Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToList();
        var texts = files.Where(f => _endings.Any(f.EndsWith)).ToList();
        return texts.Count > 0 ? texts : [.. files.Where(f => f.EndsWith(TokenFiles.Ending, StringComparison.Ordinal))];
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
