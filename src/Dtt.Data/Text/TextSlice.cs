using Dtt.Core.Storage;

namespace Dtt.Data.Text;

/// <summary>A whole file of text, or a part of one that starts and ends between documents.</summary>
/// <param name="File">The file, absolute.</param>
/// <param name="Offset">First byte of the slice.</param>
/// <param name="Length">Bytes of the slice.</param>
/// <param name="FileBytes">Bytes of the whole file.</param>
/// <param name="Format">How documents are separated in it.</param>
/// <param name="TextField">Of records, the field or column with the text.</param>
/// <param name="TextBytes">For a compressed file or one of records, bytes of its text that are read; null: all.</param>
/// <param name="SkipBad">Whether documents that cannot be read are left out instead of ending it all.</param>
public sealed record TextSlice(
    string File, long Offset, long Length, long FileBytes, PieceFormat Format, string TextField, long? TextBytes = null, bool SkipBad = false)
{
    /// <summary>A whole file.</summary>
    public static TextSlice Of(string file, PieceFormat format, string textField)
    {
        var bytes = FileSystem.Target(file).Length;
        return new TextSlice(file, 0, bytes, bytes, format, textField);
    }
}
