using Dtt.Core.Errors;
using Dtt.Data.Datasets;
using Dtt.Data.Reports;
using Dtt.Data.Tokenizers;

namespace Dtt.Data.Tokens;

/// <summary>
/// Token files that other trainers' tools made, read where they are: llm.c's and modded-nanogpt's <c>.bin</c> with their header, and nanoGPT's bare
/// uint16 ones. A file with "val" in its name is validation, the others are training.
/// </summary>
public static class TokenFiles
{
    /// <summary>How such files' names end.</summary>
    public const string Ending = ".bin";

    /// <summary>Whether a dataset is of such files.</summary>
    public static bool Are(RawManifest manifest) => manifest.Files.All(f => IsOne(f.Path));

    /// <summary>Whether a file is one by its name.</summary>
    public static bool IsOne(string file) => file.EndsWith(Ending, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether a file is for validation, by its name.</summary>
    internal static bool IsVal(string file) => Path.GetFileName(file).Contains("val", StringComparison.OrdinalIgnoreCase);

    /// <summary>The error of files without a token for training.</summary>
    internal static BadDataException NothingToTrainOn(IReadOnlyList<string> files)
    {
        var train = files.Where(f => !IsVal(f)).ToList();
        return new BadDataException(train.Count == 0 ? "every file has 'val' in its name: there is nothing to train on."
            : $"{RawFiles.Few(train)} {(train.Count == 1 ? "holds" : "hold")} no tokens: there is nothing to train on. "
                + "Write the tokens again, or name other files.");
    }

    /// <summary>Reads every file once, counts its documents and bytes, and writes an index of them.</summary>
    /// <param name="manifest">The files.</param>
    /// <param name="vocabulary">The tokenizer that made them.</param>
    /// <param name="source">What the index says of where it comes from.</param>
    /// <param name="folder">The tokens' folder, which gets the index and the report.</param>
    /// <exception cref="BadDataException">A file is damaged, or holds an id that the tokenizer does not have.</exception>
    public static TokenIndex Index(RawManifest manifest, Vocabulary vocabulary, TokenSource source, string folder)
    {
        var shards = new List<TokenShard>();
        var report = TokenReport.Count(vocabulary, tally =>
        {
            foreach (var (number, file) in manifest.Files.Index()) shards.Add(Read(file, number, vocabulary, tally));
        });
        if (!shards.Any(s => s is { Split: "train", Tokens: > 0 })) throw NothingToTrainOn([.. manifest.Files.Select(f => f.Path)]);
        var index = new TokenIndex { Source = source, Shards = [.. shards.OrderBy(s => s.Split, StringComparer.Ordinal).ThenBy(s => s.Piece)] };
        Directory.CreateDirectory(folder);
        report.Save(folder);
        index.Save(folder);
        return index;
    }

    private static TokenShard Read(RawFile file, int number, Vocabulary vocabulary, DocumentTally tally)
    {
        var (tokenBytes, headerBytes, tokens) = ShardHeader.ReadAny(file.Path);
        if (tokenBytes != ShardHeader.TokenBytes(vocabulary.Size))
        {
            throw new BadDataException($"{file.Path} has tokens of {tokenBytes} bytes, but a tokenizer of {vocabulary.Size:N0} tokens writes "
                + $"{ShardHeader.TokenBytes(vocabulary.Size)}: the file was made with another tokenizer.");
        }

        var before = tally.Counted.TextBytes;
        var documents = tally.Add(file.Path, headerBytes, tokenBytes);
        return new TokenShard
        {
            File = file.Path,
            Split = IsVal(file.Path) ? "val" : "train",
            Piece = number,
            Part = 0,
            Tokens = tokens,
            Documents = documents,
            TextBytes = tally.Counted.TextBytes - before,
            Sha256 = file.Sha256,
            HeaderBytes = headerBytes,
        };
    }
}
