using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Data.Datasets;

namespace Dtt.Data.Text;

/// <summary>Cuts a dataset's raw files into pieces: the same files give the same pieces, whatever the machine.</summary>
public static class PiecePlan
{
    private const long SmallestSlice = 4L << 20;
    private const long LargestSlice = 256L << 20;
    private const int SlicesWanted = 64;

    /// <summary>The pieces of the files of a manifest, in its order.</summary>
    /// <exception cref="BadDataException">A file is gone or has changed its size since the manifest was written.</exception>
    public static IReadOnlyList<Piece> Of(RawManifest manifest, DatasetConfig config)
    {
        var slice = Math.Clamp(manifest.Files.Sum(f => f.Bytes) / SlicesWanted, SmallestSlice, LargestSlice);
        var pieces = new List<Piece>();
        foreach (var file in manifest.Files)
        {
            var info = new FileInfo(file.Path);
            if (!info.Exists || info.Length != file.Bytes)
                throw new BadDataException($"{file.Path} {(info.Exists ? $"has {info.Length:N0} bytes now, and had {file.Bytes:N0}" : "is gone")} since `dtt download`; run it again.");
            var format = FormatOf(file.Path, config);
            var cuts = CanSlice(file.Path, format) ? Cuts(file.Path, info.Length, slice, format) : [0, info.Length];
            for (var i = 0; i + 1 < cuts.Count; i++)
                pieces.Add(new Piece(pieces.Count, file.Path, cuts[i], cuts[i + 1] - cuts[i], info.Length, format, config.TextField));
        }

        return pieces;
    }

    private static PieceFormat FormatOf(string file, DatasetConfig config) => !file.EndsWith(".txt", StringComparison.Ordinal) ? PieceFormat.JsonLines : config.Documents switch
    {
        "lines" => PieceFormat.Lines,
        "files" => PieceFormat.WholeFile,
        _ => PieceFormat.BlankLines,
    };

    private static bool CanSlice(string file, PieceFormat format) =>
        format != PieceFormat.WholeFile && !file.EndsWith(".gz", StringComparison.Ordinal) && !file.EndsWith(".zst", StringComparison.Ordinal);

    private static List<long> Cuts(string file, long length, long slice, PieceFormat format)
    {
        var cuts = new List<long> { 0 };
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, 1);
        for (var wish = slice; wish + slice / 2 < length; wish += slice)
        {
            var cut = BoundaryAfter(stream, wish, format);
            if (cut >= length) break;
            if (cut > cuts[^1]) cuts.Add(cut);
        }

        cuts.Add(length);
        return cuts;
    }

    /// <summary>The first place at or after <paramref name="offset"/> where a document starts: after a line, or after an empty one.</summary>
    private static long BoundaryAfter(FileStream stream, long offset, PieceFormat format)
    {
        var buffer = new byte[1 << 16];
        var (feeds, position) = (0, offset);
        while (true)
        {
            stream.Position = position;
            var read = stream.Read(buffer);
            if (read == 0) return position;
            for (var i = 0; i < read; i++)
            {
                if (buffer[i] == '\n') feeds++;
                else if (buffer[i] is not ((byte)'\r' or (byte)' ' or (byte)'\t')) feeds = 0;
                if (feeds >= (format == PieceFormat.BlankLines ? 2 : 1)) return position + i + 1;
            }

            position += read;
        }
    }
}
