namespace Dtt.Abstractions.Platform;

/// <summary>What one finished stage of one piece made.</summary>
/// <param name="Bytes">Raw bytes read.</param>
/// <param name="Sha256">Hash of what was written: the count table, or the shards' hashes in order.</param>
/// <param name="Tokens">Tokens made; 0 for counting.</param>
/// <param name="Documents">Documents read.</param>
/// <param name="Node">The machine that did it.</param>
public sealed record PieceResult(long Bytes, string Sha256, long Tokens, long Documents, string Node);
