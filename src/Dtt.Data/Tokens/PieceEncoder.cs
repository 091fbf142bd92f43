using System.Text.Json;
using Dtt.Core.Storage;
using Dtt.Data.Reports;
using Dtt.Data.Text;
using Dtt.Data.Tokenizers;

namespace Dtt.Data.Tokens;

/// <summary>
/// Encodes one piece into a folder of its own, which appears whole. Of several who encode it at once, such as a node that stood still and the one that took
/// its work over, the first gives it its name; all make the same bytes.
/// </summary>
internal static class PieceEncoder
{
    /// <summary>What an earlier call made in <paramref name="folder"/>, or null.</summary>
    public static EncodedPiece? Find(string folder)
    {
        var file = Path.Combine(folder, "piece.json");
        return File.Exists(file) ? JsonSerializer.Deserialize(File.ReadAllBytes(file), DataJson.Default.EncodedPiece) : null;
    }

    /// <summary>Encodes a piece without those of its documents whose bit is set.</summary>
    public static EncodedPiece Encode(Piece piece, byte[]? without, string folder, TokenSource source, Vocabulary vocabulary, BpeEncoder encoder)
    {
        var draft = $"{folder}.{Guid.NewGuid():N}";
        Directory.CreateDirectory(draft);
        EncodedPiece encoded;
        try
        {
            encoded = Write(piece, without, draft, source, vocabulary, encoder);
            if (Find(folder) is null) Directory.Move(draft, folder);
        }
        catch (IOException) when (Find(folder) is { } other)
        {
            encoded = other;
        }
        finally
        {
            if (Directory.Exists(draft)) Directory.Delete(draft, recursive: true);
        }

        DurableFile.SyncFolder(Path.GetDirectoryName(folder)!);
        return encoded;
    }

    private static EncodedPiece Write(Piece piece, byte[]? without, string folder, TokenSource source, Vocabulary vocabulary, BpeEncoder encoder)
    {
        var split = new TokenSplit(source.ValFraction, source.SplitSeed);
        using var train = new SplitWriter("train", piece.Number, folder, source);
        using var val = new SplitWriter("val", piece.Number, folder, source);
        using var reader = new PieceReader(piece);
        var ids = new TokenBuffer();
        for (var number = 0; reader.Read(); number++)
        {
            if (DuplicateDocuments.Goes(without, number)) continue;
            ids.Clear();
            encoder.Encode(reader.Document, ids);
            (split.IsValidation(reader.Document) ? val : train).Add(ids.Ids, vocabulary.EndOfText, reader.Document.Length);
        }

        var encoded = new EncodedPiece([.. train.Finish(), .. val.Finish()], reader.Skipped);
        DurableFile.Replace(Path.Combine(folder, "piece.json"), JsonSerializer.SerializeToUtf8Bytes(encoded, DataJson.Default.EncodedPiece));
        return encoded;
    }

    /// <summary>The shards of one split of one piece: a new one starts when the last has its tokens and a document ends.</summary>
    private sealed class SplitWriter(string split, int piece, string folder, TokenSource source) : IDisposable
    {
        private readonly List<TokenShard> _done = [];
        private ShardWriter? _open;

        public void Add(ReadOnlySpan<int> ids, int endOfText, int textBytes)
        {
            _open ??= new ShardWriter(Path.Combine(folder, NameOf(_done.Count)), ShardHeader.TokenBytes(source.VocabSize));
            _open.Add(ids, endOfText, textBytes);
            if (_open.Tokens >= source.ShardTokens) Close();
        }

        public IReadOnlyList<TokenShard> Finish()
        {
            Close();
            return _done;
        }

        public void Dispose() => _open?.Dispose();

        private string NameOf(int part) => $"{split}_{part:000}.bin";

        private void Close()
        {
            if (_open is null) return;
            var (part, sha256) = (_done.Count, _open.Finish());
            _done.Add(new TokenShard
            {
                File = NameOf(part),
                Split = split,
                Piece = piece,
                Part = part,
                Tokens = _open.Tokens,
                Documents = _open.Documents,
                TextBytes = _open.TextBytes,
                Sha256 = sha256,
            });
            _open.Dispose();
            _open = null;
        }
    }
}
