using System.Text;
using Dtt.Abstractions;

namespace Dtt.Silo.Ranks;

/// <summary>What a rank printed.</summary>
internal static class RankLog
{
    private const int MaxChunkBytes = 1 << 18;

    /// <summary>A stretch of a log, whole lines of it.</summary>
    /// <param name="file">The log.</param>
    /// <param name="offset">Where to start, in bytes; negative: so many before its end.</param>
    public static LogChunk Read(string file, long offset)
    {
        if (!File.Exists(file)) return new LogChunk("", offset, Exists: false);
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (offset < 0) offset = Math.Max(0, stream.Length + offset);
        stream.Position = Math.Min(offset, stream.Length);
        var buffer = new byte[Math.Min(MaxChunkBytes, stream.Length - stream.Position)];
        var read = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);

        // Whole lines only, so that no character is cut; a line longer than a chunk is given as it is.
        var end = Array.LastIndexOf(buffer, (byte)'\n', Math.Max(0, read - 1)) + 1;
        if (end <= 0) end = read == MaxChunkBytes ? read : 0;
        return new LogChunk(Encoding.UTF8.GetString(buffer, 0, end), offset + end, Exists: true);
    }
}
