using System.Text.Json;
using System.Text.Json.Serialization;
using Dtt.Core.Errors;
using Dtt.Core.Storage;

namespace Dtt.Data.Tokens;

/// <summary><c>index.json</c> of a tokens folder: what the shards were made of, and the shards in their canonical order.</summary>
public sealed record TokenIndex
{
    /// <summary>The index's file name.</summary>
    public const string FileName = "index.json";

    /// <summary>The name of the list of documents that were left out.</summary>
    public const string SkippedFileName = "skipped.txt";

    /// <summary>What decided the shards' bytes; other settings give another source.</summary>
    public required TokenSource Source { get; init; }

    /// <summary>The shards, by piece and part: train and val each numbered from 0.</summary>
    public required IReadOnlyList<TokenShard> Shards { get; init; }

    /// <summary>Documents that could not be read and were left out; <c>skipped.txt</c> lists them.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long SkippedDocuments { get; init; }

    /// <summary>Tokens of a split.</summary>
    public long TokensOf(string split) => Shards.Where(s => s.Split == split).Sum(s => s.Tokens);

    /// <summary>Reads a folder's index; null when there is none.</summary>
    /// <exception cref="BadDataException">It is damaged.</exception>
    public static TokenIndex? Find(string folder)
    {
        var file = Path.Combine(folder, FileName);
        if (!File.Exists(file)) return null;
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(file), DataJson.Default.TokenIndex);
        }
        catch (JsonException e)
        {
            throw new BadDataException($"{file} is damaged ({e.Message}); delete {folder} and run `dtt tokenize` again.", e);
        }
    }

    /// <summary>Reads a folder's index.</summary>
    /// <exception cref="BadDataException">There is none, or it is damaged.</exception>
    public static TokenIndex FindRequired(string folder) => Find(folder)
        ?? throw new BadDataException($"there are no tokens in {folder}; run `dtt tokenize` with the same configuration first.");

    internal void Save(string folder) =>
        DurableFile.Replace(Path.Combine(folder, FileName), JsonSerializer.SerializeToUtf8Bytes(this, DataJson.Default.TokenIndex));
}
