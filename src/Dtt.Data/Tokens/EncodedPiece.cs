using Dtt.Data.Text;

namespace Dtt.Data.Tokens;

/// <summary>A piece whose shards are on disk: <c>piece.json</c>, written last into the piece's folder.</summary>
/// <param name="Shards">Its shards, validation and training, by part.</param>
/// <param name="Skipped">Documents that could not be read and were left out.</param>
public sealed record EncodedPiece(IReadOnlyList<TokenShard> Shards, SkippedDocuments Skipped);
