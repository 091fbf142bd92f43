using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Storage;
using Dtt.Data.Hub;
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
    /// <returns>The manifest, whether it was there already, and what the user should know.</returns>
    /// <exception cref="BadDataException">There is no text, or not of a kind that DTT reads.</exception>
    public static (RawManifest Manifest, bool WasThere, IReadOnlyList<string> Notes) Prepare(
        DatasetConfig config, string rawFolder, Action<long, long>? progress = null)
    {
        var notes = new List<string>();
        var there = RawManifest.Find(rawFolder);
        if (there is not null && Changes(there, config, rawFolder) is var changes)
        {
            if (changes.Count == 0) return (RawManifest.Find(rawFolder)!, true, notes);
            notes.Add($"since the last download: {string.Join("; ", changes)}");
        }

        Directory.CreateDirectory(rawFolder);
        DurableFile.Sweep(rawFolder);
        if (config.Builtin is not null) Generate(config, rawFolder, progress);
        var known = new Dictionary<string, string>();
        var found = config switch
        {
            { Builtin: not null } => new RawFiles([GeneratedFile(config, rawFolder)], [], []),
            { HubPath: not null } => HubFiles(config, rawFolder, known),
            _ => RawFiles.Find(config, rawFolder),
        };
        var (files, empty, hidden) = found;
        if (empty.Count > 0 && !config.SkipsBadDocuments)
            throw new BadDataException($"{empty[0]} is empty; add text to it, remove it, or set 'on_bad_document: skip' in the dataset's configuration.");
        if (empty.Count > 0) notes.Add($"left out as empty: {RawFiles.Few(empty)}");
        if (hidden.Count > 0) notes.Add($"left out as hidden: {RawFiles.Few(hidden)}");
        if (found.Beside.Count > 0) notes.Add($"left out beside the folder's text: {RawFiles.Few(found.Beside)}");
        if (RawFiles.Doubled(files) is { Count: > 0 } doubled) notes.Add($"each is read, though they may be one text twice: {RawFiles.Few(doubled)}");
        if (files.Count == 0)
        {
            throw new BadDataException((config.Path is { } path
                ? $"{config.Source}: 'path: {path}' has no file that is read: {TextFormat.Endings}, or {TokenFiles.Ending}"
                : $"there is no text in {rawFolder}: put {TextFormat.Endings} files there, or name them with 'path:' in {config.Source}")
                + (notes.Count == 0 ? "." : $" ({string.Join("; ", notes)})."));
        }

        var used = config.MaxDocuments is { } most ? Head(files, most, config) : [.. files.Select(f => (f, (long?)null))];
        var total = used.Sum(f => FileSystem.Target(f.File).Length);
        var done = 0L;
        var hashed = new List<RawFile>();
        foreach (var (file, textBytes) in used)
        {
            hashed.Add(known.TryGetValue(file, out var sha256) ? RawFile.Of(file, textBytes, sha256) : RawFile.Of(file, textBytes));
            progress?.Invoke(done += hashed[^1].Bytes, total);
        }

        var manifest = new RawManifest { Source = SourceOf(config), Files = hashed };
        manifest.Save(rawFolder);
        return (manifest, false, notes);
    }

    /// <summary>
    /// What is another now than when a manifest was written, a few words each; nothing when all is as it was, and then the manifest has the files' times.
    /// </summary>
    /// <exception cref="BadDataException">The dataset's path is not there any more.</exception>
    public static IReadOnlyList<string> Changes(RawManifest there, DatasetConfig config, string rawFolder)
    {
        if (SourceOf(config) is var source && there.Source != source) return [$"the source was '{there.Source}' and is '{source}'"];
        var known = there.Files.Select(f => f.Path).ToList();
        IReadOnlyList<string> now = config is { Builtin: null, HubPath: null } ? RawFiles.Find(config, rawFolder).Paths : [.. known.Where(File.Exists)];
        // Files behind the last document that ndocs takes do not matter.
        if (there.Files is [.., { TextBytes: not null }]) now = [.. now.Take(known.Count)];
        var changes = new List<string>();
        void Add(string what, List<string> files)
        {
            if (files.Count > 0) changes.Add($"{what}: {RawFiles.Few(files)}");
        }

        Add("added", [.. now.Except(known)]);
        Add("gone", [.. known.Except(now)]);
        var still = now.ToHashSet(StringComparer.Ordinal);
        Add("changed", [.. there.Files.Where(f => still.Contains(f.Path) && !f.IsUnchanged).Select(f => f.Path)]);
        if (changes.Count == 0) _ = Timed(there, rawFolder);
        return changes;
    }

    /// <summary>Refuses tokens that were made of other text than the dataset is now.</summary>
    /// <exception cref="BadDataException">They were.</exception>
    public static void RequireTokensOf(DatasetConfig config, string rawFolder, TokenSource tokens)
    {
        if (RawManifest.Find(rawFolder) is not { } there) return;
        var source = SourceOf(config);
        if (there.Source != source && !IsElsewhere(there, config, rawFolder))
        {
            throw new BadDataException($"{rawFolder} and its tokens were made from '{there.Source}', but the dataset now names '{source}'. "
                + "Run `dtt download` and `dtt tokenize` for it, under another name to keep both.");
        }

        if (tokens.RawSha256 != there.Sha256)
        {
            throw new BadDataException($"the tokens were made from other text ({tokens.RawSha256[..12]}) than `dtt download` found last in {rawFolder} "
                + $"({there.Sha256[..12]}); run `dtt tokenize`.");
        }

        if (tokens.Dedup != (config.DropsDuplicates ? "exact" : null))
        {
            throw new BadDataException($"the tokens were made with 'dedup: {tokens.Dedup ?? "none"}', but the dataset's file says otherwise now. Set it "
                + "back, or move the tokens away and run `dtt tokenize`.");
        }
    }

    /// <summary>
    /// Whether a dataset is the same text in another place, or its text is not on this machine: a project was moved or copied. Text in another place is
    /// hashed once: the manifest then says where it is.
    /// </summary>
    private static bool IsElsewhere(RawManifest there, DatasetConfig config, string rawFolder)
    {
        if (config.Path is not { } path || !there.Source.StartsWith("path:", StringComparison.Ordinal)) return false;
        if (!there.Source.EndsWith(OptionsOf(config), StringComparison.Ordinal)) return false;
        if (config.MaxDocuments is null && there.Files[^1].TextBytes is not null) return false;
        if (!Path.Exists(path)) return true;
        var now = RawFiles.Find(config, path).Paths;
        if (now.Count < there.Files.Count || (now.Count > there.Files.Count && there.Files[^1].TextBytes is null)) return false;
        if (!there.Files.Zip(now, (file, found) => file.HasContentOf(found)).All(same => same)) return false;
        var files = there.Files.Zip(now, (file, found) => file with { Path = found, Modified = null });
        _ = Timed(there with { Source = SourceOf(config), Files = [.. files] }, rawFolder);
        return true;
    }

    /// <summary>A manifest whose files have other times, or none, but the same content gets the times, so that they are not hashed again.</summary>
    private static RawManifest Timed(RawManifest there, string rawFolder)
    {
        var timed = there with { Files = [.. there.Files.Select(f => f with { Modified = FileSystem.Target(f.Path).LastWriteTimeUtc })] };
        if (timed.Files.SequenceEqual(there.Files)) return there;
        try
        {
            timed.Save(rawFolder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return there; // a folder that cannot be written costs the hashing again
        }

        return timed;
    }

    private static IReadOnlyList<(string File, long? TextBytes)> Head(IReadOnlyList<string> files, long most, DatasetConfig config) =>
        TokenFiles.IsOne(files[0])
            ? throw new BadDataException($"{config.Source}: 'ndocs' counts documents of text, but {files[0]} holds tokens; leave 'ndocs' out.")
            : PiecePlan.Head(files, most, config);

    private static string SourceOf(DatasetConfig config) => OriginOf(config) + OptionsOf(config);

    private static string OptionsOf(DatasetConfig config) => config.MaxDocuments is not { } most ? ""
        : $" ndocs:{most} documents:{config.Documents} text_field:{config.TextField}" + (config.SkipsBadDocuments ? " on_bad_document:skip" : "");

    private static string OriginOf(DatasetConfig config) => config switch
    {
        { Builtin: { } name } => $"builtin:{name} version:{TaleGenerator.Version} seed:{config.Seed} bytes:{config.GeneratedBytes}",
        { Path: { } path } => $"path:{Path.GetFullPath(path)}",
        { HubPath: not null } => HubDataset.SourceOf(config),
        _ => "raw folder",
    };

    /// <summary>The files that were downloaded, which lie where the plan says, and the hashes that they had then.</summary>
    private static RawFiles HubFiles(DatasetConfig config, string rawFolder, Dictionary<string, string> hashes)
    {
        var plan = HubPlan.Find(rawFolder) is { } there && there.Source == HubDataset.SourceOf(config) ? there : throw Unfetched();
        foreach (var file in plan.Files.Where(f => f.Sha256 is not null)) hashes[file.In(Path.GetFullPath(rawFolder))] = file.Sha256!;
        var files = plan.Files.ToLookup(f => f.Bytes > 0, f => f.In(Path.GetFullPath(rawFolder)));
        return files[true].FirstOrDefault(f => !File.Exists(f)) is null ? new RawFiles([.. files[true]], [.. files[false]], []) : throw Unfetched();

        BadDataException Unfetched() => new($"{config.HubPath} is not whole in {rawFolder}; run `dtt download` for it, which goes on where it stopped.");
    }

    private static string GeneratedFile(DatasetConfig config, string rawFolder) => Path.GetFullPath(Path.Combine(rawFolder, $"{config.Builtin}.txt"));

    private static void Generate(DatasetConfig config, string rawFolder, Action<long, long>? progress)
    {
        var file = GeneratedFile(config, rawFolder);
        var draft = DurableFile.DraftOf(file);
        using (var stream = new FileStream(draft, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 20))
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

        File.Move(draft, file, overwrite: true);
        DurableFile.SyncFolder(rawFolder);
    }
}
