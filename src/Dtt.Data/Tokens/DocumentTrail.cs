using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Data.Datasets;
using Dtt.Data.Reports;
using Dtt.Data.Text;

namespace Dtt.Data.Tokens;

/// <summary>
/// The way back from documents of token shards to the raw text: the shard says which piece it was made of, and the piece, read again, has the documents in the
/// shards' order.
/// </summary>
public sealed class DocumentTrail
{
    private readonly TokenIndex _index;
    private readonly string _folder;
    private readonly RawManifest _manifest;
    private readonly IReadOnlyList<Piece> _pieces;
    private readonly Dictionary<(int Piece, int Part), long> _before = []; // training documents of a piece before each of its shards

    /// <summary>The way back to the text of a raw folder.</summary>
    /// <param name="folder">The tokens' folder.</param>
    /// <param name="index">The shards.</param>
    /// <param name="manifest">The raw text that they were made of.</param>
    /// <exception cref="BadDataException">The text is another one, or a file was deleted or changed.</exception>
    public DocumentTrail(string folder, TokenIndex index, RawManifest manifest)
    {
        (_folder, _index, _manifest) = (folder, index, manifest);
        if (index.Source.RawSha256 != manifest.Sha256)
        {
            throw new BadDataException($"the raw text that `dtt download` found last ({manifest.Sha256[..12]}) is not the one that the tokens were made of "
                + $"({index.Source.RawSha256[..12]}).");
        }

        foreach (var piece in index.Shards.Where(s => s.Split == "train").GroupBy(s => s.Piece))
        {
            var before = 0L;
            foreach (var shard in piece.OrderBy(s => s.Part))
            {
                _before[(piece.Key, shard.Part)] = before;
                before += shard.Documents;
            }
        }

        _pieces = TokenFiles.Are(manifest) ? [] : PiecePlan.Of(manifest, ConfigOf(index.Source));
    }

    /// <summary>Finds where training documents stand. Each piece that has one is read once, up to the last of them.</summary>
    /// <param name="documents">Documents of windows.</param>
    /// <returns>The same, each with its place; of datasets that are token files, which know no other, without.</returns>
    /// <exception cref="BadDataException">A file was changed.</exception>
    public IReadOnlyList<WindowDocument> Find(IReadOnlyList<WindowDocument> documents)
    {
        if (_pieces.Count == 0) return documents;
        var origins = new Dictionary<(int Piece, long Number), DocumentOrigin>();
        foreach (var piece in documents.GroupBy(d => d.Shard.Piece)) Read(piece.Key, [.. piece.Select(NumberInPiece)], origins);
        return [.. documents.Select(d => d with { Origin = origins[(d.Shard.Piece, NumberInPiece(d))] })];
    }

    private void Read(int piece, HashSet<long> wanted, Dictionary<(int Piece, long Number), DocumentOrigin> origins)
    {
        foreach (var file in _pieces[piece].Slices.Select(s => s.File).Distinct())
        {
            if (!_manifest.Files.First(f => f.Path == file).IsUnchanged)
                throw new BadDataException($"{file} was changed after `dtt download`, so that its documents are not those of the tokens any more.");
        }

        var (split, last, number) = (new TokenSplit(_index.Source.ValFraction, _index.Source.SplitSeed), wanted.Max(), 0L);
        var gone = _index.Source.Dedup is null ? null : DuplicateDocuments.KeptOf(_folder, piece);
        using var reader = new PieceReader(_pieces[piece]);
        for (var document = 0L; number <= last; document++)
        {
            if (!reader.Read()) throw new BadDataException($"piece {piece} of the raw text has {number:N0} training documents, and its tokens have more.");
            if (DuplicateDocuments.Goes(gone, document)) continue;
            if (split.IsValidation(reader.Document)) continue;
            if (wanted.Contains(number)) origins[(piece, number)] = reader.Origin;
            number++;
        }
    }

    /// <summary>Which of its piece's training documents it is.</summary>
    private long NumberInPiece(WindowDocument document) => document.Number + _before[(document.Shard.Piece, document.Shard.Part)];

    private static DatasetConfig ConfigOf(TokenSource source) => new()
    {
        Source = "",
        Path = null,
        Builtin = null,
        GeneratedBytes = 0,
        Seed = source.SplitSeed,
        Documents = source.Documents,
        TextField = source.TextField,
        ShardTokens = source.ShardTokens,
        HubPath = null,
        SkipsBadDocuments = source.SkipsBadDocuments,
    };
}
