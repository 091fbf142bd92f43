namespace Dtt.Abstractions.Platform;

/// <summary>One piece of a dataset's text and how far it is.</summary>
/// <param name="Piece">Its number.</param>
/// <param name="Counted">Whether its words are counted.</param>
/// <param name="Encoded">Whether its tokens are on disk.</param>
/// <param name="Verified">Whether they were read again.</param>
/// <param name="InFlight">Whether somebody works on it.</param>
public sealed record ShardRow(int Piece, bool Counted, bool Encoded, bool Verified, bool InFlight);
