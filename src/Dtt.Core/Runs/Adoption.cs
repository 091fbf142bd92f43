using System.Security.Cryptography;

namespace Dtt.Core.Runs;

/// <summary>A run that was found in a folder, fitted to the place where the folder is now.</summary>
/// <param name="Run">Its state.</param>
/// <param name="Notes">What is to be said about it, a sentence each.</param>
public sealed record Adoption(DurableRun Run, IReadOnlyList<string> Notes)
{
    /// <summary>
    /// Looks at what lies in the folder: what the run needs from outside and is no longer at its place is looked for at the same place relative to the folder,
    /// the tokenizer also in the folder itself; checkpoints that are not there as they were committed are left out.
    /// </summary>
    /// <param name="layout">Where the folder is now.</param>
    /// <param name="file">The state that it holds.</param>
    /// <param name="home">The home of the platform that adopts it.</param>
    public static Adoption Of(RunLayout layout, RunFile file, string home)
    {
        var (run, notes) = (file.Run, new List<string>());
        if (file is { Folder: { } before, Home: not null } && before != layout.Folder) notes.Add($"the run came here from {before}");
        if (file.Home is { } other && other != home) notes.Add($"it was the run of the platform in {other}");

        var record = run.Record! with { Checkpoints = [.. run.Record.Checkpoints.Where(c => IsWhole(layout, c))] };
        var lost = run.Record.Checkpoints.Except(record.Checkpoints).Select(c => c.Step).ToList();
        if (lost.Count > 0) notes.Add($"not in the folder as they were committed, and left out: the checkpoints of step {string.Join(", ", lost)}");
        if (record.State == RunState.Completed && record.Latest != run.Record.Latest) record = record with { State = RunState.Interrupted };

        var request = run.Request!;
        var tokenizer = Place(file, layout, request.TokenizerFolder);
        request = request with
        {
            TokensFolder = Place(file, layout, request.TokensFolder),
            OtherTokensFolders = request.OtherTokensFolders?.Select(f => Place(file, layout, f)).ToList(),
            TokenizerFolder = Directory.Exists(tokenizer) || !Directory.Exists(layout.Tokenizer) ? tokenizer : layout.Tokenizer,
            InitFrom = request.InitFrom is { } start ? start with { Folder = Place(file, layout, start.Folder) } : null,
        };
        return new Adoption(run with { Record = record with { Run = layout.Run }, Request = request }, notes);
    }

    /// <summary>Where a folder that belongs to the run is now: where it was, or, if it is gone, at the same place relative to the run.</summary>
    private static string Place(RunFile file, RunLayout layout, string folder) => file.Folder is null || folder.Length == 0 || Directory.Exists(folder) ? folder
        : Path.GetFullPath(Path.GetRelativePath(file.Folder, folder), layout.Folder);

    private static bool IsWhole(RunLayout layout, CommittedCheckpoint checkpoint)
    {
        var manifest = Path.Combine(layout.Checkpoint(checkpoint.FolderName), "manifest.json");
        return File.Exists(manifest) && Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(manifest))) == checkpoint.ManifestSha256;
    }
}
