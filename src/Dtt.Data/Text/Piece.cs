namespace Dtt.Data.Text;

/// <summary>A piece of a dataset's raw text that is worked on as one: a whole file, or a slice of one that starts and ends between documents.</summary>
/// <param name="Number">Its place among the dataset's pieces, from 0: the order of the token shards.</param>
/// <param name="File">The file, absolute.</param>
/// <param name="Offset">First byte of the slice.</param>
/// <param name="Length">Bytes of the slice.</param>
/// <param name="FileBytes">Bytes of the whole file.</param>
/// <param name="Format">How documents are separated in it.</param>
/// <param name="TextField">For JSON lines, the field with the text.</param>
/// <param name="TextBytes">For a compressed file, bytes of its text that are read; null: all.</param>
public sealed record Piece(int Number, string File, long Offset, long Length, long FileBytes, PieceFormat Format, string TextField, long? TextBytes = null);
