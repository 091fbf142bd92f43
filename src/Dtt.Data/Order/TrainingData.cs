using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Runs;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;

namespace Dtt.Data.Order;

/// <summary>Tokens, tokenizer and configuration that fit each other, and the arithmetic of the run over them.</summary>
public sealed class TrainingData : IDisposable
{
    private TrainingData(Vocabulary vocabulary, TokenIndex index, TokenShards train, TokenShards val, WindowIndex windows, RunPlan plan) =>
        (Vocabulary, Index, Train, Val, Windows, Plan) = (vocabulary, index, train, val, windows, plan);

    /// <summary>The tokenizer that made the tokens.</summary>
    public Vocabulary Vocabulary { get; }

    /// <summary>The shards' index.</summary>
    public TokenIndex Index { get; }

    /// <summary>Training shards.</summary>
    public TokenShards Train { get; }

    /// <summary>Validation shards.</summary>
    public TokenShards Val { get; }

    /// <summary>Training windows in canonical order.</summary>
    public WindowIndex Windows { get; }

    /// <summary>Steps and sizes of the run.</summary>
    public RunPlan Plan { get; }

    /// <summary>Opens and checks everything.</summary>
    /// <param name="tokensFolder">The token shards.</param>
    /// <param name="tokenizerFolder">The tokenizer.</param>
    /// <param name="config">The run's configuration.</param>
    /// <param name="frozenGlobalBatch">Windows per step when an earlier attempt froze them, else 0.</param>
    /// <param name="worldSize">Ranks of the attempt.</param>
    /// <exception cref="BadDataException">Something is missing, damaged, too small, or does not fit.</exception>
    public static TrainingData Open(string tokensFolder, string tokenizerFolder, RunConfig config, long frozenGlobalBatch, int worldSize = 1)
    {
        var index = TokenIndex.FindRequired(tokensFolder);
        var vocabulary = TokenizerFolder.Load(tokenizerFolder);
        if (index.Source.TokenizerSha256 != vocabulary.Sha256)
        {
            throw new BadDataException($"the tokens in {tokensFolder} were made with another tokenizer ({index.Source.TokenizerSha256[..12]}) than the one in "
                + $"{tokenizerFolder} ({vocabulary.Sha256[..12]}). Move the tokens away and run `dtt tokenize` again, or restore the right tokenizer.");
        }

        if (vocabulary.Size != config.Model.VocabSize)
        {
            throw new BadDataException($"vocab_size is {config.Model.VocabSize:N0}, but the tokenizer in {tokenizerFolder} has {vocabulary.Size:N0} tokens. "
                + $"Set vocab_size: {vocabulary.Size}.");
        }

        var train = TokenShards.Open(tokensFolder, index, "train");
        try
        {
            var val = TokenShards.Open(tokensFolder, index, "val");
            var windows = WindowIndex.Of(config, train, vocabulary.EndOfText);
            var batch = frozenGlobalBatch > 0 ? frozenGlobalBatch : (long)config.MicroBatchSize * config.GradAccumulationSteps * worldSize;
            StepPlan.CheckWorld(config, batch, worldSize);
            return new TrainingData(vocabulary, index, train, val, windows, StepPlan.Of(config, windows.Count, batch));
        }
        catch
        {
            train.Dispose();
            throw;
        }
    }

    /// <summary>Closes the shards.</summary>
    public void Dispose()
    {
        Train.Dispose();
        Val.Dispose();
    }
}
