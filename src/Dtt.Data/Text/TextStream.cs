using Dtt.Core.Configuration;
using Dtt.Core.Errors;

namespace Dtt.Data.Text;

/// <summary>The bytes of a file of text, decompressed as its first bytes or its name say.</summary>
public static class TextStream
{
    private const int BufferBytes = 1 << 16;

    /// <summary>Opens a file from its start.</summary>
    /// <exception cref="BadDataException">While it is read: the compressed data is damaged or cut short; with the place.</exception>
    public static Stream Open(string file) => Open(file, TextContent.CompressionOf(file));

    /// <summary>Opens a file from its start.</summary>
    internal static Stream Open(string file, TextCompression compression)
    {
        var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes, FileOptions.SequentialScan);
        return compression switch
        {
            TextCompression.Gzip => new GzipStream(stream),
            TextCompression.Zstandard => new ZstandardStream(stream),
            _ => stream,
        };
    }

    /// <summary>The error of compressed data that cannot be read.</summary>
    internal static BadDataException Damaged(FileStream file, long offset, string what, Exception? inner = null) => new(
        $"{file.Name}: its compressed data is damaged near byte {offset:N0} of {file.Length:N0}: {what}. Copy or download the file again.", inner);
}
