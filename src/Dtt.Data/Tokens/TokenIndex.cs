using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Dtt.Core.Errors;
using Dtt.Core.Runs;
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

    /// <summary>Documents that were left out because the same one comes before them (<c>dedup: exact</c>).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long DroppedDuplicates { get; init; }

    /// <summary>Which tokens these are: names and folders do not matter to it, but a shard's hash is the one that was taken when the index was made.</summary>
    [JsonIgnore]
    public TokenIdentity Identity
    {
        get
        {
            var lines = Shards.Select(s => $"{s.Split} {s.Tokens} {s.Sha256}").Prepend(Source.TokenizerSha256);
            var sha256 = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Join('\n', lines))));
            return new TokenIdentity(TokensOf("train"), TokensOf("val"), sha256);
        }
    }

    /// <summary>Tokens of a split.</summary>
    public long TokensOf(string split) => Shards.Where(s => s.Split == split).Sum(s => s.Tokens);

    /// <summary>Why a run of these tokens has no validation loss, and what to do; null: it has one.</summary>
    /// <param name="contextLength">The run's T: a validation window has one token more.</param>
    public string? WhyNoValidation(int contextLength)
    {
        if (Shards.Any(s => s.Split == "val" && s.Tokens > contextLength)) return null;
        var what = TokensOf("val") == 0 ? "there are no validation documents"
            : $"no validation shard holds a window of {contextLength + 1:N0} tokens";
        var remedy = Shards.Any(s => Path.IsPathRooted(s.File)) ? "add a token file with 'val' in its name, or a larger one"
            : $"raise val_fraction ({Source.ValFraction.ToString(CultureInfo.InvariantCulture)} now), or add text, and tokenize again";
        return $"{what}, so runs will have no validation loss; {remedy}.";
    }

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
            throw new BadDataException($"{JsonFile.Place(file, e)} is damaged ({JsonFile.Reason(e)}). {MakeAgain(folder)}", e);
        }
    }

    /// <summary>Reads a folder's index.</summary>
    /// <exception cref="BadDataException">There is none, or it is damaged.</exception>
    public static TokenIndex FindRequired(string folder) => Find(folder)
        ?? throw new BadDataException($"there are no tokens in {folder}; run `dtt tokenize` with the same configuration first.");

    /// <summary>What to do about a shard that is damaged or gone: nobody's own token files are made again from text.</summary>
    internal static string Remedy(string folder, TokenShard shard) => !Path.IsPathRooted(shard.File) ? MakeAgain(folder)
        : $"Bring it back as it was when `dtt tokenize` read it; or, to take the files as they are now, run `dtt download` and then: {MakeAgain(folder)}";

    private static string MakeAgain(string folder) => $"Move {folder} away and run `dtt tokenize` again.";

    internal void Save(string folder) =>
        DurableFile.Replace(Path.Combine(folder, FileName), JsonSerializer.SerializeToUtf8Bytes(this, DataJson.Default.TokenIndex));
}
