using System.Text.Json;
using Dtt.Core.Storage;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;

namespace Dtt.Data.Reports;

/// <summary>What a piece's documents are like: <c>documents.json</c> in its folder, and <c>documents</c>, their hashes. Both survive a kill.</summary>
internal static class PieceReport
{
    /// <summary>The file of hashes in a piece's folder.</summary>
    public static string Hashes(string folder) => Path.Combine(folder, "documents");

    /// <summary>What an earlier call counted, or null.</summary>
    public static DocumentStatistics? Find(string folder) =>
        File.Exists(FileOf(folder)) ? JsonSerializer.Deserialize(File.ReadAllBytes(FileOf(folder)), DataJson.Default.DocumentStatistics) : null;

    /// <summary>Counts the documents of a piece's shards, unless that was done.</summary>
    public static void Make(string folder, EncodedPiece piece, int tokenBytes, Vocabulary vocabulary)
    {
        if (File.Exists(FileOf(folder))) return;
        var draft = DurableFile.DraftOf(Hashes(folder)); // another node may be counting the same piece
        DocumentStatistics counted;
        using (var hashes = new FileStream(draft, FileMode.CreateNew, FileAccess.Write, FileShare.None))
        {
            using var tally = new DocumentTally(vocabulary, hashes);
            foreach (var shard in piece.Shards) tally.Add(Path.Combine(folder, shard.File), shard.HeaderBytes, tokenBytes);
            hashes.Flush(flushToDisk: true);
            counted = tally.Counted;
        }

        File.Move(draft, Hashes(folder), overwrite: true);
        DurableFile.Replace(FileOf(folder), JsonSerializer.SerializeToUtf8Bytes(counted, DataJson.Default.DocumentStatistics));
    }

    private static string FileOf(string folder) => Path.Combine(folder, "documents.json");
}
