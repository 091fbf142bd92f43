using System.Text.Json;
using Dtt.Abstractions.Errors;
using Dtt.Abstractions.Storage;
using Dtt.Data.Text;
using Dtt.Data.Tokenizers;

namespace Dtt.Data.Tokens;

/// <summary>
/// Encodes a dataset: pieces in any order on all cores into <c>FOLDER.partial</c>, then the shards get their numbers and the folder its name.
/// A killed encoding goes on where it was: whole pieces are kept, and the result is the same byte for byte.
/// </summary>
public static class DatasetEncoder
{
    /// <summary>Encodes what is missing.</summary>
    /// <param name="pieces">The pieces, in order.</param>
    /// <param name="folder">The tokens' folder.</param>
    /// <param name="source">What decides the bytes.</param>
    /// <param name="vocabulary">The tokenizer.</param>
    /// <param name="progress">Told the raw bytes done, from many threads.</param>
    /// <param name="cancellation">Stops between pieces.</param>
    /// <exception cref="BadDataException">The text is damaged, or the folder holds the tokens of something else.</exception>
    public static TokenIndex Encode(IReadOnlyList<Piece> pieces, string folder, TokenSource source, Vocabulary vocabulary, Action<long>? progress = null, CancellationToken cancellation = default)
    {
        if (TokenIndex.Find(folder) is { } there)
        {
            CheckSame(there, source, folder);
            return there;
        }

        var partial = folder + ".partial";
        Begin(partial, source);
        var encoded = new EncodedPiece[pieces.Count];
        var options = new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellation };
        try
        {
            Parallel.ForEach(pieces, options, () => new BpeEncoder(vocabulary), (piece, _, encoder) =>
            {
                var work = Path.Combine(partial, $"piece_{piece.Number:000000}");
                encoded[piece.Number] = PieceEncoder.Find(work) ?? PieceEncoder.Encode(piece, work, source, vocabulary, encoder);
                progress?.Invoke(piece.Length);
                return encoder;
            }, _ => { });
        }
        catch (AggregateException many)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(many.InnerExceptions[0]);
        }

        return Assemble(encoded, partial, folder, source);
    }

    /// <summary>Throws unless a folder's tokens were made of just this.</summary>
    /// <exception cref="BadDataException">They were not.</exception>
    public static void CheckSame(TokenIndex there, TokenSource source, string folder)
    {
        if (there.Source.DifferencesFrom(source) is { Count: > 0 })
        {
            throw new BadDataException($"{folder} holds other tokens ({string.Join("; ", source.DifferencesFrom(there.Source))}). "
                + "Delete that folder to make them anew, or give this dataset or tokenizer another name.");
        }
    }

    private static void Begin(string partial, TokenSource source)
    {
        var file = Path.Combine(partial, "source.json");
        var wanted = JsonSerializer.SerializeToUtf8Bytes(source, DataJson.Default.TokenSource);
        if (File.Exists(file) && File.ReadAllBytes(file).AsSpan().SequenceEqual(wanted)) return;
        if (Directory.Exists(partial)) Directory.Delete(partial, recursive: true);
        Directory.CreateDirectory(partial);
        DurableFile.Replace(file, wanted);
    }

    /// <summary>Numbers the shards by piece and part and gives the folder its name, in steps that may each be repeated after a kill.</summary>
    private static TokenIndex Assemble(EncodedPiece[] encoded, string partial, string folder, TokenSource source)
    {
        var ready = Path.Combine(partial, "ready");
        Directory.CreateDirectory(ready);
        var shards = new List<TokenShard>();
        foreach (var split in new[] { "train", "val" })
        {
            var number = 0;
            foreach (var shard in encoded.SelectMany(e => e.Shards).Where(s => s.Split == split))
            {
                var name = $"{split}_{number++:000000}.bin";
                var (from, to) = (Path.Combine(partial, $"piece_{shard.Piece:000000}", shard.File), Path.Combine(ready, name));
                if (!File.Exists(to)) File.Move(from, to);
                shards.Add(shard with { File = name });
            }
        }

        if (!shards.Any(s => s.Split == "train")) throw new BadDataException($"{folder}: the text holds no training document; bring more text or lower val_fraction.");
        var index = new TokenIndex { Source = source, Shards = shards };
        index.Save(ready);
        Directory.CreateDirectory(Path.GetDirectoryName(folder)!);
        Directory.Move(ready, folder);
        DurableFile.SyncFolder(Path.GetDirectoryName(folder)!);
        Directory.Delete(partial, recursive: true);
        return index;
    }
}
