namespace Dtt.Data.Text;

/// <summary>A piece of a dataset's raw text that is worked on as one: a slice of a large file, or several small files.</summary>
/// <param name="Number">Its place among the dataset's pieces, from 0: the order of the token shards.</param>
/// <param name="Slices">Its text, in order.</param>
public sealed record Piece(int Number, IReadOnlyList<TextSlice> Slices)
{
    /// <summary>Bytes of raw text, compressed ones as they are.</summary>
    public long Length => Slices.Sum(s => s.Length);
}
