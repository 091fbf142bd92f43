namespace Dtt.Data.Tokens;

/// <summary>A piece whose shards are on disk: <c>piece.json</c>, written last into the piece's folder.</summary>
/// <param name="Shards">Its shards, validation and training, by part.</param>
public sealed record EncodedPiece(IReadOnlyList<TokenShard> Shards);
