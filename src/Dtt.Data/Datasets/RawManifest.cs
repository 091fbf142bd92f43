using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Data.Datasets;

/// <summary>What <c>dtt download</c> found or made: <c>manifest.json</c> in a dataset's raw folder, written last.</summary>
public sealed record RawManifest
{
    /// <summary>The file's name.</summary>
    public const string FileName = "manifest.json";

    /// <summary>Where the text came from: the settings of the dataset's configuration that decide its bytes.</summary>
    public required string Source { get; init; }

    /// <summary>The files in their order.</summary>
    public required IReadOnlyList<RawFile> Files { get; init; }

    /// <summary>Size of all files.</summary>
    [JsonIgnore]
    public long Bytes => Files.Sum(f => f.Bytes);

    /// <summary>SHA-256 over what identifies the files, hex.</summary>
    [JsonIgnore]
    public string Sha256 => Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Join("\n", Files.Select(f => f.Identity)))));

    /// <summary>Reads a raw folder's manifest; null when there is none.</summary>
    /// <exception cref="BadDataException">It is damaged.</exception>
    public static RawManifest? Find(string folder)
    {
        var file = Path.Combine(folder, FileName);
        if (!File.Exists(file)) return null;
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(file), DataJson.Default.RawManifest);
        }
        catch (JsonException e)
        {
            throw new BadDataException($"{JsonFile.Place(file, e)} is damaged ({JsonFile.Reason(e)}); move it away and run `dtt download` again.", e);
        }
    }

    /// <summary>Writes the manifest.</summary>
    public void Save(string folder) =>
        DurableFile.Replace(Path.Combine(folder, FileName), JsonSerializer.SerializeToUtf8Bytes(this, DataJson.Default.RawManifest));
}

/// <summary>One raw file.</summary>
/// <param name="Path">Absolute.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">Its hash, hex.</param>
/// <param name="TextBytes">Bytes of its text, decompressed, that are used; null: all.</param>
/// <param name="Modified">When it was last written; null in manifests of earlier builds.</param>
public sealed record RawFile(
    string Path, long Bytes, string Sha256, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? TextBytes = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DateTime? Modified = null)
{
    /// <summary>Reads and hashes a file.</summary>
    public static RawFile Of(string path, long? textBytes)
    {
        using var stream = File.OpenRead(path);
        return Of(path, textBytes, Convert.ToHexStringLower(SHA256.HashData(stream)));
    }

    /// <summary>A file whose hash is known.</summary>
    public static RawFile Of(string path, long? textBytes, string sha256)
    {
        var file = FileSystem.Target(path);
        return new RawFile(System.IO.Path.GetFullPath(path), file.Length, sha256, textBytes, file.LastWriteTimeUtc);
    }

    /// <summary>Whether the file is as it was: its size, and its time or else its hash.</summary>
    [JsonIgnore]
    public bool IsUnchanged =>
        FileSystem.Target(Path) is { Exists: true } now && now.Length == Bytes && (now.LastWriteTimeUtc == Modified || HasContentOf(Path));

    /// <summary>Whether a file, here or elsewhere, has this one's content.</summary>
    public bool HasContentOf(string path) => FileSystem.Target(path) is { Exists: true } other && other.Length == Bytes && Of(path, TextBytes).Sha256 == Sha256;

    /// <summary>What decides the text that is used.</summary>
    [JsonIgnore]
    public string Identity => TextBytes is { } text ? $"{Sha256}:{text}" : Sha256;
}
