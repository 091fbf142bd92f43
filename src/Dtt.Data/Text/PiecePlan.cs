using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Storage;
using Dtt.Data.Datasets;

namespace Dtt.Data.Text;

/// <summary>Cuts a dataset's raw files into pieces: the same files give the same pieces, whatever the machine.</summary>
public static class PiecePlan
{
    private const long SmallestSlice = 4L << 20;
    private const long LargestSlice = 256L << 20;
    private const int SlicesWanted = 64;
    private const long BytesPerToken = 4;

    /// <summary>
    /// The pieces of the files of a manifest, in its order: slices of large files, and small files that follow each other together, up to about the text of
    /// one token shard.
    /// </summary>
    /// <exception cref="BadDataException">A file was deleted, or its size has changed, since the manifest was written.</exception>
    public static IReadOnlyList<Piece> Of(RawManifest manifest, DatasetConfig config)
    {
        var slice = Math.Clamp(manifest.Files.Sum(f => f.Bytes) / SlicesWanted, SmallestSlice, LargestSlice);
        var most = Math.Min(slice, config.ShardTokens * BytesPerToken);
        var (pieces, small, smallBytes) = (new List<Piece>(), new List<TextSlice>(), 0L);
        foreach (var file in manifest.Files)
        {
            var slices = Slices(file, config, slice);
            if (slices.Count > 1 || smallBytes + slices[0].Length > most) Close();
            if (slices.Count > 1)
            {
                foreach (var s in slices) pieces.Add(new Piece(pieces.Count, [s]));
                continue;
            }

            small.Add(slices[0]);
            smallBytes += slices[0].Length;
        }

        Close();
        return pieces;

        void Close()
        {
            if (small.Count > 0) pieces.Add(new Piece(pieces.Count, [.. small]));
            small.Clear();
            smallBytes = 0;
        }
    }

    /// <summary>
    /// The first documents of a dataset: its files up to the one that holds the last of them, with the bytes of text that are read of that one.
    /// </summary>
    /// <param name="files">Files of text, in order.</param>
    /// <param name="documents">Most documents to use.</param>
    /// <param name="config">How they are cut.</param>
    public static IReadOnlyList<(string File, long? TextBytes)> Head(IReadOnlyList<string> files, long documents, DatasetConfig config)
    {
        var used = new List<(string, long?)>();
        foreach (var file in files)
        {
            using var reader = DocumentReader.Open(Whole(file, config));
            while (documents > 0 && reader.Read()) documents--;
            used.Add((file, documents == 0 ? reader.End : null));
            if (documents == 0) break;
        }

        return used;
    }

    /// <summary>Counts the documents of a file, up to <paramref name="most"/>.</summary>
    public static long Count(string file, long most, DatasetConfig config)
    {
        var documents = 0L;
        using var reader = DocumentReader.Open(Whole(file, config));
        while (documents < most && reader.Read()) documents++;
        return documents;
    }

    private static TextSlice Whole(string file, DatasetConfig config) =>
        TextSlice.Of(file, TextContent.Of(file).FormatOf(config.Documents), config.TextField) with { SkipBad = config.SkipsBadDocuments };

    private static List<TextSlice> Slices(RawFile file, DatasetConfig config, long slice)
    {
        var info = FileSystem.Target(file.Path);
        if (!info.Exists || info.Length != file.Bytes)
        {
            var change = info.Exists ? $"changed from {file.Bytes:N0} to {info.Length:N0} bytes" : "was deleted";
            throw new BadDataException($"{file.Path} {change} after `dtt download`; run it again.");
        }

        var content = TextContent.Of(file.Path);
        var format = content.FormatOf(config.Documents);
        var isPlain = content.Compression == TextCompression.None;
        var (text, end) = isPlain && format < PieceFormat.Parquet ? (null, file.TextBytes ?? info.Length) : (file.TextBytes, info.Length);
        var cuts = isPlain && text is null && format is not PieceFormat.WholeFile and <= PieceFormat.Parquet ? Cuts(file.Path, end, slice, format) : [0, end];
        return [.. cuts.Zip(cuts.Skip(1), (from, to) =>
            new TextSlice(file.Path, from, to - from, info.Length, format, config.TextField, text, config.SkipsBadDocuments))];
    }

    private static List<long> Cuts(string file, long length, long slice, PieceFormat format)
    {
        if (format == PieceFormat.Parquet)
        {
            if (slice + slice / 2 >= length) return [0, length];
            using var table = new ParquetTable(file);
            return Cuts(length, slice, target => table.RowGroupStarts.FirstOrDefault(s => s >= target, length));
        }

        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, 1);
        return Cuts(length, slice, target => BoundaryAfter(stream, target, format));
    }

    private static List<long> Cuts(long length, long slice, Func<long, long> boundaryAfter)
    {
        var cuts = new List<long> { 0 };
        for (var target = slice; target + slice / 2 < length; target += slice)
        {
            var cut = boundaryAfter(target);
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
