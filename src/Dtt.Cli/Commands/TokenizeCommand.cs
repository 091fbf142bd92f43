using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using Dtt.Abstractions.Configuration;
using Dtt.Abstractions.Errors;
using Dtt.Data.Datasets;
using Dtt.Data.Text;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt tokenize</c>: a tokenizer and the token shards.</summary>
internal static class TokenizeCommand
{
    public static Command Create() => StageCommand.Create("tokenize", "Train a tokenizer on a dataset and encode the dataset with it.", tokenizer: true, Run);

    /// <summary>Runs the stage and says what it found done.</summary>
    public static void Run(LoadedConfig config, DatasetConfig dataset)
    {
        var manifest = RawManifest.Find(config.Paths.Raw)
            ?? throw new BadDataException($"there is no raw text in {config.Paths.Raw}; run `dtt download -d {config.Run.Dataset}` first.");
        var pieces = PiecePlan.Of(manifest, dataset);
        var vocabulary = Tokenizer(config, pieces);
        Encode(config, dataset, manifest, pieces, vocabulary);
    }

    private static Vocabulary Tokenizer(LoadedConfig config, IReadOnlyList<Piece> pieces)
    {
        var folder = config.Paths.Tokenizer;
        var wanted = config.Run.Model.VocabSize;
        if (TokenizerFolder.Exists(folder))
        {
            var there = TokenizerFolder.Load(folder);
            if (there.Size != wanted) throw new BadDataException($"the tokenizer in {folder} has {there.Size:N0} ids, and vocab_size asks for {wanted:N0}. Set vocab_size: {there.Size}, or delete that folder.");
            Console.Error.WriteLine($"tokenizer: {config.Paths.TokenizerName}, {there.Size:N0} ids already here ({folder})");
            return there;
        }

        var counts = new WordCounts();
        var documents = 0L;
        try
        {
            Parallel.ForEach(pieces, () => (Counts: new WordCounts(), Documents: 0L), (piece, _, mine) =>
            {
                using var reader = DocumentReader.Open(piece);
                while (reader.Read())
                {
                    mine.Counts.Add(reader.Document);
                    mine.Documents++;
                }

                return mine;
            }, mine =>
            {
                lock (counts)
                {
                    counts.Add(mine.Counts);
                    documents += mine.Documents;
                }
            });
        }
        catch (AggregateException many)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(many.InnerExceptions[0]);
        }

        if (documents == 0) throw new BadDataException($"there is no text in {string.Join(", ", pieces.Select(p => p.File).Distinct())}: every line is empty.");
        var vocabulary = BpeTrainer.Train(counts, wanted);
        TokenizerFolder.Save(vocabulary, folder);
        Console.Error.WriteLine($"tokenizer: {config.Paths.TokenizerName}, {vocabulary.Size:N0} ids from {documents:N0} documents ({folder})");
        return vocabulary;
    }

    private static void Encode(LoadedConfig config, DatasetConfig dataset, RawManifest manifest, IReadOnlyList<Piece> pieces, Vocabulary vocabulary)
    {
        var source = new TokenSource
        {
            RawSha256 = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Join("\n", manifest.Files.Select(f => f.Sha256))))),
            Documents = dataset.Documents,
            TextField = dataset.TextField,
            Tokenizer = config.Paths.TokenizerName,
            TokenizerSha256 = vocabulary.Sha256,
            VocabSize = vocabulary.Size,
            ValFraction = config.Run.ValFraction,
            SplitSeed = dataset.Seed,
            ShardTokens = dataset.ShardTokens,
        };
        var wasThere = TokenIndex.Find(config.Paths.Tokens) is not null;
        var index = DatasetEncoder.Encode(pieces, config.Paths.Tokens, source, vocabulary);
        Console.Error.WriteLine($"tokens: {index.TokensOf("train"):N0} for training, {index.TokensOf("val"):N0} for validation, {index.Shards.Count} shards {(wasThere ? "already here" : "ready")} ({config.Paths.Tokens})");
    }
}
