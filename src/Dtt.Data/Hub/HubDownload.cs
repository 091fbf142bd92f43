using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Data.Hub;

/// <summary>
/// Brings files of a commit to their places: one is there under its name only when all of its bytes are and have the listed hash. What came before a kill is in
/// <c>NAME.part</c> and is gone on with.
/// </summary>
/// <param name="client">The Hub.</param>
/// <param name="cache">Where a file may be already.</param>
/// <param name="repository">The repository.</param>
/// <param name="commit">The commit.</param>
internal sealed class HubDownload(HubClient client, HubCache cache, string repository, string commit)
{
    /// <summary>How the names of files end that are not whole.</summary>
    public const string PartEnding = ".part";

    private const int BufferBytes = 1 << 18;
    private const int WouldBlock = 11; // EWOULDBLOCK: the file is open elsewhere
    private static readonly TimeSpan _lockPeriod = TimeSpan.FromSeconds(1);

    /// <summary>Brings one.</summary>
    /// <param name="file">The file.</param>
    /// <param name="target">Its place, absolute.</param>
    /// <param name="progress">Told how many bytes are there.</param>
    /// <param name="cancellation">Ends it; what came stays.</param>
    /// <returns>SHA-256 of its bytes, hex.</returns>
    /// <exception cref="BadDataException">It is not what the listing says, twice; or it may not be had.</exception>
    /// <exception cref="IOException">The Hub or the disk fails.</exception>
    public async Task<string> BringAsync(HubFile file, string target, Action<long> progress, CancellationToken cancellation)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        var part = target + PartEnding;
        await using var stream = await OpenAloneAsync(part, cancellation); // another node may have been given the same file
        if (await FindAsync(file, target, cancellation) is { } there)
        {
            File.Delete(part);
            progress(file.Bytes);
            return there;
        }

        if (cache.Find(file) is { } cached) await CopyAsync(cached, stream, cancellation);
        for (var isSecond = false; ; isSecond = true)
        {
            var (isRight, sha256) = await FillAsync(file, stream, progress, cancellation);
            if (isRight)
            {
                File.Move(part, target, overwrite: true);
                DurableFile.SyncFolder(Path.GetDirectoryName(target)!);
                return sha256;
            }

            stream.SetLength(0);
            if (isSecond)
            {
                File.Delete(part);
                throw new BadDataException($"{client.AddressOf(repository, commit, file)} has {file.Bytes:N0} bytes, as listed, but twice not the listed hash "
                    + $"({file.ContentName}): what serves it, or something on the way, damages it. Nothing of it was kept.");
            }
        }
    }

    /// <summary>The SHA-256 of a file that is there and right, or null.</summary>
    private static async Task<string?> FindAsync(HubFile file, string target, CancellationToken cancellation)
    {
        if (new FileInfo(target) is not { Exists: true } there || there.Length != file.Bytes) return null;
        using var hash = new HubHash(file);
        await using var stream = new FileStream(target, FileMode.Open, FileAccess.Read, FileShare.ReadWrite); // we may hold its lock, under its earlier name
        await ReadAsync(stream, hash.Append, cancellation);
        return hash.Finish() is (true, var sha256) ? sha256 : null;
    }

    /// <summary>Downloads what is missing and syncs it; whether the whole has the hash.</summary>
    private async Task<(bool IsRight, string Sha256)> FillAsync(HubFile file, FileStream part, Action<long> progress, CancellationToken cancellation)
    {
        if (part.Length > file.Bytes) part.SetLength(0);
        part.Position = 0;
        using var hash = new HubHash(file);
        await ReadAsync(part, hash.Append, cancellation);
        progress(part.Position);
        await client.FetchAsync(repository, commit, file, () => part.Position, async (answer, start, c) =>
        {
            if (start != part.Position)
            {
                part.SetLength(0); // it does not go on where it was asked to, but begins again
                hash.Restart();
            }

            await ReadAsync(answer, bytes =>
            {
                if (part.Position + bytes.Length > file.Bytes)
                {
                    throw new BadDataException($"{client.AddressOf(repository, commit, file)} goes on behind byte {file.Bytes:N0}, where the listing says "
                        + "that it ends.");
                }

                part.Write(bytes);
                hash.Append(bytes);
                progress(part.Position);
            }, c);
        }, cancellation);
        part.Flush(flushToDisk: true);
        return hash.Finish();
    }

    private static async Task CopyAsync(string from, FileStream to, CancellationToken cancellation)
    {
        await using var source = File.OpenRead(from);
        to.SetLength(0);
        await source.CopyToAsync(to, BufferBytes, cancellation);
    }

    private static async Task ReadAsync(Stream stream, Reader take, CancellationToken cancellation)
    {
        var buffer = new byte[BufferBytes];
        for (int read; (read = await stream.ReadAsync(buffer, cancellation)) > 0;) take(buffer.AsSpan(0, read));
    }

    /// <summary>Opens a file that nobody else has open; waits until it is free.</summary>
    private static async Task<FileStream> OpenAloneAsync(string path, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
            }
            catch (IOException e) when (e.HResult == WouldBlock)
            {
                await Task.Delay(_lockPeriod, cancellation);
            }
        }
    }

    private delegate void Reader(ReadOnlySpan<byte> bytes);
}
