using System.Text.Json;
using Dtt.Core.Errors;
using Dtt.Core.Storage;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;

namespace Dtt.Data.Reports;

/// <summary>What the tokens of a dataset are like: <c>report.json</c> beside the index, written when they are made.</summary>
public sealed record TokenReport
{
    /// <summary>The report's file name in a tokens folder.</summary>
    public const string FileName = "report.json";

    /// <summary>Its documents, of both splits.</summary>
    public required DocumentStatistics Documents { get; init; }

    /// <summary>Documents that are the same, token by token, as one before them.</summary>
    public required long DuplicateDocuments { get; init; }

    /// <summary>Reads a folder's report, or makes it where an earlier build left none.</summary>
    /// <param name="folder">The tokens' folder.</param>
    /// <param name="index">Its index.</param>
    /// <param name="openVocabulary">Opens the tokenizer.</param>
    /// <exception cref="BadDataException">The report or a shard is damaged.</exception>
    public static TokenReport Of(string folder, TokenIndex index, Func<Vocabulary> openVocabulary)
    {
        if (Find(folder) is { } there) return there;
        var shards = index.Shards.Select(s => (Path.Combine(folder, s.File), s.HeaderBytes, ShardHeader.TokenBytes(index.Source.VocabSize)));
        return Count(openVocabulary(), tally =>
        {
            foreach (var (file, headerBytes, tokenBytes) in shards) tally.Add(file, headerBytes, tokenBytes);
        });
    }

    /// <summary>Reads a folder's report; null when there is none.</summary>
    /// <exception cref="BadDataException">It is damaged.</exception>
    public static TokenReport? Find(string folder)
    {
        var file = Path.Combine(folder, FileName);
        if (!File.Exists(file)) return null;
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(file), DataJson.Default.TokenReport);
        }
        catch (JsonException e)
        {
            throw new BadDataException($"{JsonFile.Place(file, e)} is damaged ({JsonFile.Reason(e)}). Remove it: the report is then made from the tokens.", e);
        }
    }

    /// <summary>The report of pieces; null when one of them was not counted.</summary>
    internal static TokenReport? OfPieces(IReadOnlyList<string> folders)
    {
        var counted = DocumentStatistics.None;
        foreach (var folder in folders)
        {
            if (PieceReport.Find(folder) is not { } piece) return null;
            counted = counted.With(piece);
        }

        return new TokenReport { Documents = counted, DuplicateDocuments = DocumentHashes.CountCopies([.. folders.Select(PieceReport.Hashes)]) };
    }

    /// <summary>The report of what is added to a tally.</summary>
    internal static TokenReport Count(Vocabulary vocabulary, Action<DocumentTally> add)
    {
        var file = Path.GetTempFileName();
        try
        {
            DocumentStatistics counted;
            using (var hashes = new FileStream(file, FileMode.Create))
            {
                using var tally = new DocumentTally(vocabulary, hashes);
                add(tally);
                counted = tally.Counted;
            }

            return new TokenReport { Documents = counted, DuplicateDocuments = DocumentHashes.CountCopies([file]) };
        }
        finally
        {
            File.Delete(file);
        }
    }

    internal void Save(string folder) =>
        DurableFile.Replace(Path.Combine(folder, FileName), JsonSerializer.SerializeToUtf8Bytes(this, DataJson.Default.TokenReport));
}
