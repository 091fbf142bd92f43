using Dtt.Core.Configuration;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Data.Tales;
using Dtt.Data.Text;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;
using Dtt.Tests;

namespace Dtt.Training.Tests;

/// <summary>A folder with a tokenizer and the tokens of a few tales, and runs of a tiny model over them within this process.</summary>
public sealed class TinyRun : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly Vocabulary _vocabulary = new([]);

    public TinyRun()
    {
        TokenizerFolder.Save(_vocabulary, _folder["tokenizer"]);
        Tokenize("tokens", valFraction: 0.2);
    }

    /// <summary>The folder of the runs' checkpoints.</summary>
    public string RunFolder => _folder["run"];

    public void Dispose() => _folder.Dispose();

    /// <summary>Makes token shards of the tales.</summary>
    /// <returns>Their folder.</returns>
    public string Tokenize(string folder, double valFraction)
    {
        var file = _folder.Write("tales.txt", string.Concat(Enumerable.Range(0, 50).Select(i => new TaleGenerator(2).Tell(i) + "\n\n")));
        var source = new TokenSource
        {
            RawSha256 = "raw",
            Documents = "blank_lines",
            TextField = "text",
            Tokenizer = "bytes",
            TokenizerSha256 = _vocabulary.Sha256,
            VocabSize = _vocabulary.Size,
            ValFraction = valFraction,
            SplitSeed = 0,
            ShardTokens = 5000,
        };
        DatasetEncoder.Encode([new Piece(0, [TextSlice.Of(file, PieceFormat.BlankLines, "text")])], _folder[folder], source, _vocabulary);
        return _folder[folder];
    }

    /// <summary>Trains, after whatever another attempt left was swept.</summary>
    /// <param name="host">The host.</param>
    /// <param name="lag">How many steps late numbers are read.</param>
    /// <param name="keys">More lines of the configuration.</param>
    internal RankFinished Train(RecordingChannel host, int lag, params string[] keys) => Train(host, lag, spec => spec, keys);

    /// <summary>Trains from a checkpoint.</summary>
    internal RankFinished Train(RecordingChannel host, int lag, IReadOnlyList<CommittedCheckpoint> resumeFrom, params string[] keys) =>
        Train(host, lag, spec => spec with { Attempt = resumeFrom.Count + 1, ResumeFrom = resumeFrom }, keys);

    /// <summary>Trains an attempt that differs from the first one.</summary>
    internal RankFinished Train(RecordingChannel host, int lag, Func<TrainSpec, TrainSpec> change, params string[] keys)
    {
        var yaml = string.Join("\n", [
            "name: tiny", "n_blocks: 1", "n_heads: 2", "d_model: 16", "n_ctx: 16", "vocab_size: 257", "batch_size: 2", "grad_accumulation_steps: 2",
            "precision: fp32", "cuda: false", "warmup_steps: 0", "val_tokens: 32", .. keys]);
        var spec = new TrainSpec
        {
            Run = "tiny",
            RunFolder = RunFolder,
            Attempt = 1,
            ConfigYaml = yaml,
            TokensFolder = _folder["tokens"],
            TokenizerFolder = _folder["tokenizer"],
            GlobalBatchWindows = 0,
            ResumeFrom = [],
        };
        using var trainer = new Trainer(change(spec), RunConfig.Parse(yaml), host, lag);
        return trainer.Run();
    }
}
