using System.Security.Cryptography;
using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Data.Tokens;

/// <summary>
/// A copy of a tokens folder on this node's own disk, for file systems that are slow to read from. It stays for later runs; its readers hold a
/// shared lock, and copies that nobody reads are deleted when room is needed.
/// </summary>
public sealed class TokenScratch : IDisposable
{
    private const int CopyBytes = 4 << 20;
    private const long Spare = 1L << 30; // left to others on the disk
    private static readonly TimeSpan _waitPeriod = TimeSpan.FromMilliseconds(200);
    private readonly FileLock _reading;

    private TokenScratch(string folder, bool wasThere, FileLock reading) => (Folder, WasThere, _reading) = (folder, wasThere, reading);

    /// <summary>The copy: a tokens folder.</summary>
    public string Folder { get; }

    /// <summary>Whether an earlier run had made it.</summary>
    public bool WasThere { get; }

    /// <summary>Where copies are kept: <c>DTT_SCRATCH</c>, else a folder of this user in <c>SLURM_TMPDIR</c>, <c>TMPDIR</c> or <c>/tmp</c>.</summary>
    public static string Root()
    {
        static string? Set(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
        return Set("DTT_SCRATCH") ?? Path.Combine(Set("SLURM_TMPDIR") ?? Set("TMPDIR") ?? "/tmp", $"dtt-scratch-{FileSystem.UserId()}");
    }

    /// <summary>Makes the copy, waits for the process that is making it, or opens the one that is there.</summary>
    /// <param name="tokensFolder">The shards.</param>
    /// <param name="root">Where copies are kept, see <see cref="Root"/>.</param>
    /// <param name="alive">Called while it lasts.</param>
    /// <exception cref="BadDataException">A shard does not have the hash in its index.</exception>
    /// <exception cref="IOException">There is not enough room, or the disk fails; no partial copy stays.</exception>
    public static TokenScratch Stage(string tokensFolder, string root, Action alive)
    {
        var index = TokenIndex.FindRequired(tokensFolder);
        PrivateFolder.Make(root);
        var id = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(tokensFolder, TokenIndex.FileName))))[..16];
        var (folder, lockFile) = (Path.Combine(root, id), Path.Combine(root, id + ".lock"));
        var wasThere = true;
        while (true)
        {
            if (Directory.Exists(folder))
            {
                if (FileLock.TryAcquireShared(lockFile) is { } reading)
                {
                    if (Directory.Exists(folder)) return new TokenScratch(folder, wasThere, reading);
                    reading.Dispose();
                }
            }
            else if (FileLock.TryAcquire(lockFile) is { } making)
            {
                using (making)
                {
                    if (!Directory.Exists(folder)) Copy(index, tokensFolder, folder, root, alive);
                    wasThere = false;
                }

                continue;
            }

            alive();
            Thread.Sleep(_waitPeriod);
        }
    }

    /// <summary>Releases the copy; it stays until its room is needed.</summary>
    public void Dispose() => _reading.Dispose();

    private static void Copy(TokenIndex index, string from, string to, string root, Action alive)
    {
        var needed = index.Shards.Sum(s => FileSystem.Target(Path.Combine(from, s.File)) is { Exists: true } file ? file.Length : 0) + Spare;
        MakeRoom(root, needed);
        if (FileSystem.FreeBytes(root) is var free && free < needed)
            throw new IOException($"{root} has {free / 1e9:0.0} GB free, but the tokens and a reserve of {Spare / 1e9:0.0} GB need {needed / 1e9:0.0} GB");
        var partial = to + ".partial";
        if (Directory.Exists(partial)) Directory.Delete(partial, recursive: true);
        Directory.CreateDirectory(partial);
        try
        {
            var staged = new List<TokenShard>();
            foreach (var (number, shard) in index.Shards.Index())
            {
                var name = $"{number:000000}.bin";
                CopyFile(Path.Combine(from, shard.File), Path.Combine(partial, name), shard.Sha256, TokenIndex.Remedy(from, shard), alive);
                staged.Add(shard with { File = name });
            }

            (index with { Shards = staged }).Save(partial);
            Directory.Move(partial, to);
        }
        catch
        {
            Directory.Delete(partial, recursive: true);
            throw;
        }
    }

    private static void CopyFile(string from, string to, string sha256, string remedy, Action alive)
    {
        if (!File.Exists(from)) throw new BadDataException($"{from} is missing. {remedy}");
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var source = new FileStream(from, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        using var target = new FileStream(to, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        var buffer = new byte[CopyBytes];
        for (int read; (read = source.Read(buffer)) > 0;)
        {
            alive();
            hash.AppendData(buffer, 0, read);
            target.Write(buffer, 0, read);
        }

        target.Flush(flushToDisk: true);
        if (Convert.ToHexStringLower(hash.GetHashAndReset()) != sha256)
            throw new BadDataException($"{from} does not have the hash in its index: it is damaged. {remedy}");
    }

    /// <summary>Deletes copies that nobody reads, least recently used first, until there is room.</summary>
    private static void MakeRoom(string root, long needed)
    {
        foreach (var lockFile in Directory.EnumerateFiles(root, "*.lock").OrderBy(File.GetLastAccessTimeUtc))
        {
            if (FileSystem.FreeBytes(root) >= needed) return;
            using var mine = FileLock.TryAcquire(lockFile);
            if (mine is null) continue;
            var folder = Path.ChangeExtension(lockFile, null);
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
    }
}
