using System.Text.Json.Serialization;
using Dtt.Core.Errors;

namespace Dtt.Data.Hub;

/// <summary>A file of a repository as its listing describes it.</summary>
/// <param name="Path">Its path in the repository, with slashes.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">Its SHA-256, hex; null for files that Git itself keeps.</param>
/// <param name="GitId">Its Git object id, hex: SHA-1 of a header and the content; for files in large file storage that of a pointer.</param>
public sealed record HubFile(string Path, long Bytes, string? Sha256, string GitId)
{
    private const int LongestPath = 1024, LongestName = 200;

    /// <summary>What the Hub's caches call its content.</summary>
    [JsonIgnore]
    public string ContentName => Sha256 ?? GitId;

    /// <summary>Where it lies below a folder.</summary>
    /// <exception cref="BadDataException">The path leads out of the folder, or is none that a file may have here.</exception>
    public string In(string folder)
    {
        var parts = Path.Split('/');
        var isSafe = Path.Length <= LongestPath && !Path.Contains('\\')
            && parts.All(p => p.Length is > 0 and <= LongestName && !p.StartsWith('.') && !p.Any(char.IsControl));
        return isSafe ? System.IO.Path.Combine([folder, .. parts])
            : throw new BadDataException($"the repository lists a file '{Shown}', which is no path of a data file; nothing of it was fetched.");
    }

    private string Shown => string.Concat(Path.Take(80).Select(c => char.IsControl(c) ? '?' : c));
}
