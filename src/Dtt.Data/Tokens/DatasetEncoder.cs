using System.Security.Cryptography;
using System.Text.Json;
using Dtt.Core.Diagnostics;
using Dtt.Core.Errors;
using Dtt.Core.Storage;
using Dtt.Data.Reports;
using Dtt.Data.Text;
using Dtt.Data.Tokenizers;

namespace Dtt.Data.Tokens;

/// <summary>
/// Makes a folder of token shards in steps that may each be repeated, by any process that sees the files: encode the pieces in any order into
/// <c>FOLDER.partial</c>, verify them, then give the shards their numbers and the folder its name. Finished pieces survive a kill, and the result
/// is the same byte for byte.
/// </summary>
/// <param name="folder">The tokens' folder.</param>
/// <param name="source">What decides the bytes.</param>
/// <param name="duplicates">Documents that are left out, found before; null: none.</param>
public sealed class DatasetEncoder(string folder, TokenSource source, DuplicateDocuments? duplicates = null)
{
    private readonly string _partial = folder + ".partial";

    /// <summary>Encodes what is missing, all in this process.</summary>
    /// <param name="pieces">The pieces, in order.</param>
    /// <param name="folder">The tokens' folder.</param>
    /// <param name="source">What decides the bytes.</param>
    /// <param name="vocabulary">The tokenizer.</param>
    /// <param name="progress">Told the raw bytes done, from many threads.</param>
    /// <param name="cancellation">Stops between pieces.</param>
    /// <exception cref="BadDataException">The text is damaged, or the folder holds tokens of another source.</exception>
    public static TokenIndex Encode(IReadOnlyList<Piece> pieces, string folder, TokenSource source, Vocabulary vocabulary,
        Action<long>? progress = null, CancellationToken cancellation = default)
    {
        var documents = JsonSerializer.Serialize(source, DataJson.Default.TokenSource);
        var duplicates = source.Dedup is null ? null : new DuplicateDocuments(folder + ".duplicates", documents);
        var encoder = new DatasetEncoder(folder, source, duplicates);
        if (encoder.FindDone() is { } there) return there;
        var options = new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellation };
        try
        {
            if (duplicates is { AreFound: false })
            {
                duplicates.Begin();
                Parallel.ForEach(pieces, options, duplicates.Hash);
                duplicates.Find(pieces.Count);
            }

            encoder.Begin();
            Parallel.ForEach(pieces, options, () => new BpeEncoder(vocabulary), (piece, _, bpe) =>
            {
                encoder.Report(piece.Number, encoder.EncodePiece(piece, vocabulary, bpe), vocabulary);
                progress?.Invoke(piece.Length);
                return bpe;
            }, _ => { });
        }
        catch (AggregateException many)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(many.InnerExceptions[0]);
        }

        return encoder.Assemble(pieces.Count);
    }

    /// <summary>The index when the folder is complete already, else null.</summary>
    /// <exception cref="BadDataException">It was made from another source.</exception>
    public TokenIndex? FindDone()
    {
        if (TokenIndex.Find(folder) is not { } there) return null;
        return source.DifferencesFrom(there.Source) is { Count: > 0 } differences
            ? throw new BadDataException($"{folder} holds tokens of another source ({string.Join("; ", differences)}). "
                + "Move that folder away to tokenize again, or give this dataset or tokenizer another name.")
            : there;
    }

    /// <summary>Makes the folder of pieces, and keeps those that belong to this source.</summary>
    public void Begin() => WorkFolder.Begin(_partial, SourceBytes);

    private byte[] SourceBytes => JsonSerializer.SerializeToUtf8Bytes(source, DataJson.Default.TokenSource);

    /// <summary>Encodes a piece, unless it is there.</summary>
    /// <exception cref="BadDataException">The text is damaged.</exception>
    public EncodedPiece EncodePiece(Piece piece, Vocabulary vocabulary, BpeEncoder encoder)
    {
        WorkFolder.Require(_partial, SourceBytes);
        return PieceEncoder.Find(PieceFolder(piece.Number))
            ?? PieceEncoder.Encode(piece, duplicates?.Of(piece.Number), PieceFolder(piece.Number), source, vocabulary, encoder);
    }

    /// <summary>Reads a piece's shards again; one whose hash is wrong is encoded again. What is right is counted for the report.</summary>
    /// <exception cref="BadDataException">The hash is wrong a second time: the disk is at fault.</exception>
    public EncodedPiece VerifyPiece(Piece piece, Vocabulary vocabulary, BpeEncoder encoder)
    {
        var encoded = EncodePiece(piece, vocabulary, encoder);
        if (Damaged(encoded, piece.Number) is not null)
        {
            Directory.Delete(PieceFolder(piece.Number), recursive: true);
            encoded = EncodePiece(piece, vocabulary, encoder);
            if (Damaged(encoded, piece.Number) is { } file)
                throw new BadDataException($"{file} was written twice and its hash is wrong both times: check the disk, then run `dtt tokenize` again.");
        }

        Report(piece.Number, encoded, vocabulary);
        return encoded;
    }

    /// <summary>Numbers the shards by piece and part and gives the folder its name, in steps that may each be repeated after a kill.</summary>
    /// <exception cref="BadDataException">The text has no training documents.</exception>
    public TokenIndex Assemble(int pieces)
    {
        if (FindDone() is { } done)
        {
            if (Directory.Exists(_partial)) Directory.Delete(_partial, recursive: true); // who gave the shards their place was killed before this
            duplicates?.End();
            return done;
        }

        WorkFolder.Require(_partial, SourceBytes);
        var ready = Path.Combine(_partial, "ready");
        Directory.CreateDirectory(ready);
        var encoded = Enumerable.Range(0, pieces)
            .Select(p => PieceEncoder.Find(PieceFolder(p)) ?? throw new InvalidOperationException($"piece {p} of {folder} is not encoded."))
            .ToList();
        var shards = new List<TokenShard>();
        foreach (var split in new[] { "train", "val" })
        {
            var number = 0;
            foreach (var shard in encoded.SelectMany(e => e.Shards).Where(s => s.Split == split))
            {
                var name = $"{split}_{number++:000000}.bin";
                var (from, to) = (Path.Combine(PieceFolder(shard.Piece), shard.File), Path.Combine(ready, name));
                if (!File.Exists(to)) File.Move(from, to);
                CrashPoint.Reach("tokens.moved");
                shards.Add(shard with { File = name });
            }
        }

        if (!shards.Any(s => s.Split == "train"))
            throw new BadDataException($"{folder}: the text has no training documents; add text or lower val_fraction.");
        var skipped = encoded.Sum(e => e.Skipped.Count);
        if (skipped > 0) WriteSkipped(Path.Combine(ready, TokenIndex.SkippedFileName), encoded);
        var index = new TokenIndex { Source = source, Shards = shards, SkippedDocuments = skipped, DroppedDuplicates = duplicates?.Count() ?? 0 };
        duplicates?.Keep(ready, pieces);
        index.Save(ready);
        TokenReport.OfPieces([.. Enumerable.Range(0, pieces).Select(PieceFolder)])?.Save(ready); // pieces that an earlier build finished have no counts
        Directory.CreateDirectory(Path.GetDirectoryName(folder)!);
        Directory.Move(ready, folder);
        CrashPoint.Reach("tokens.assembled");
        DurableFile.SyncFolder(Path.GetDirectoryName(folder)!);
        Directory.Delete(_partial, recursive: true);
        duplicates?.End();
        return index;
    }

    private void Report(int piece, EncodedPiece encoded, Vocabulary vocabulary) =>
        PieceReport.Make(PieceFolder(piece), encoded, ShardHeader.TokenBytes(source.VocabSize), vocabulary);

    private string PieceFolder(int piece) => Path.Combine(_partial, $"piece_{piece:000000}");

    private static void WriteSkipped(string file, List<EncodedPiece> encoded)
    {
        using var text = new StreamWriter(file) { NewLine = "\n" };
        foreach (var skipped in encoded.Select(e => e.Skipped).Where(s => s.Count > 0))
        {
            foreach (var line in skipped.List) text.WriteLine(line);
            if (skipped.Count > skipped.List.Count) text.WriteLine($"and {skipped.Count - skipped.List.Count:N0} more of the same piece");
        }
    }

    private string? Damaged(EncodedPiece encoded, int piece)
    {
        foreach (var shard in encoded.Shards)
        {
            var file = Path.Combine(PieceFolder(piece), shard.File);
            if (!File.Exists(file)) return file;
            using var stream = File.OpenRead(file);
            if (Convert.ToHexStringLower(SHA256.HashData(stream)) != shard.Sha256) return file;
        }

        return null;
    }
}
